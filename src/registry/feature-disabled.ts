import { StreamlineError } from '../base/error.ts';

/** `features.wasm_transforms` is off. @param consequence what that means for what was asked */
export function featureDisabled(consequence = ''): StreamlineError {
  return new StreamlineError('transform.disabled', `the feature wasm_transforms is disabled${consequence}`, {
    suggestion: 'Set features.wasm_transforms: true (or STREAMLINE_WASM_TRANSFORMS=on) and start the sidecar again.',
  });
}
