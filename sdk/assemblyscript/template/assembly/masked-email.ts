/** "ada@example.com" → "a***@example.com"; what is no address is masked as a whole. */
export function maskedEmail(address: string): string {
  const at = address.lastIndexOf("@");
  return at < 1 ? "***" : address.charAt(0) + "***" + address.substring(at);
}
