/* Every exported function is a test: `npm test` runs them. */
import { maskedEmail } from "./masked-email";

export function keepsTheFirstLetterAndTheDomain(): void {
  assert(maskedEmail("ada@example.com") == "a***@example.com");
}

export function theLastAtIsTheDomains(): void {
  assert(maskedEmail('"a@b"@example.com') == '"***@example.com');
}

export function whatIsNoAddressIsMaskedAsAWhole(): void {
  assert(maskedEmail("unknown") == "***");
  assert(maskedEmail("@example.com") == "***");
  assert(maskedEmail("") == "***");
}
