import type { FormFault } from './check-shape.ts';
import { nearestName } from './nearest-name.ts';
import { quoted } from './quoted.ts';

export const NAME_PATTERN = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
const NAME_LENGTH_MAX = 128;

/** Kafka's own rule (org.apache.kafka.common.internals.Topic). */
export const TOPIC_PATTERN = /^[a-zA-Z0-9._-]{1,249}$/;

export const BUILTINS = ['builtin:pass-through', 'builtin:logging', 'builtin:metrics'] as const;
const MODULE_LENGTH_MAX = 512;
const GROUP_LENGTH_MAX = 255;

export function nameFault(name: string): FormFault | undefined {
  if (NAME_PATTERN.test(name) && name.length <= NAME_LENGTH_MAX) return undefined;
  const mended = name
    .slice(0, NAME_LENGTH_MAX)
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1-$2')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '');
  return {
    code: 'spec.bad_name',
    message:
      name.length > NAME_LENGTH_MAX
        ? `name has more than ${NAME_LENGTH_MAX} characters`
        : `name ${quoted(name)} is not kebab-case`,
    suggestion:
      mended === ''
        ? 'Use lower-case letters, digits and single hyphens, such as mask-pii.'
        : `Write \`name: ${mended}\`.`,
  };
}

export function isTopicName(topic: string): boolean {
  return TOPIC_PATTERN.test(topic) && topic !== '.' && topic !== '..';
}

export function topicFault(topic: string): FormFault | undefined {
  if (isTopicName(topic)) return undefined;
  return {
    code: 'spec.bad_topic',
    message: topic === '' ? 'a topic name must not be empty' : `${quoted(topic)} is no topic name Kafka accepts`,
    suggestion: 'Use 1 to 249 letters, digits, dots, underscores and hyphens; not . or .. alone.',
  };
}

/** output_topic: "" leaves the choice to route(). */
export function outputTopicFault(topic: string): FormFault | undefined {
  return topic === '' ? undefined : topicFault(topic);
}

export function groupFault(groupId: string): FormFault | undefined {
  if (groupId !== '' && groupId.length <= GROUP_LENGTH_MAX && !hasControlCharacter(groupId)) return undefined;
  return {
    code: 'spec.bad_name',
    message: 'group_id must be 1 to 255 characters without control characters',
    suggestion: 'Remove the line to get streamline.<name>, or write another name.',
  };
}

/** A module is one of ours or a file below the modules directory: nothing a spec says leads out of it. */
export function moduleFault(module: string): FormFault | undefined {
  const fault = (message: string, suggestion: string): FormFault => ({ code: 'spec.bad_name', message, suggestion });
  const example = 'Write a path below the modules directory, such as transforms/mask_pii.wasm.';
  if (module.startsWith('builtin:')) {
    if (BUILTINS.some((builtin) => builtin === module)) return undefined;
    const near = nearestName(module, BUILTINS);
    return fault(
      `there is no ${quoted(module)}`,
      near === undefined ? `There are ${BUILTINS.join(', ')}.` : `Did you mean \`${near}\`?`,
    );
  }
  if (normalModule(module) === '' || /(?:^|\/)\.?$/.test(module)) return fault('wasm_module names no file', example);
  if (module.length > MODULE_LENGTH_MAX)
    return fault(`wasm_module has more than ${MODULE_LENGTH_MAX} characters`, example);
  if (hasControlCharacter(module)) return fault('wasm_module contains a control character', example);
  if (module.includes('\\')) return fault('wasm_module contains a backslash', 'Separate folders with /.');
  if (/^[a-z][a-z0-9+.-]*:/i.test(module))
    return fault(
      `wasm_module ${quoted(module)} is neither a relative path nor a builtin`,
      `${example} Or one of ${BUILTINS.join(', ')}.`,
    );
  if (module.startsWith('/') || module.startsWith('~')) return fault('wasm_module is an absolute path', example);
  if (module.split('/').includes('..')) return fault('wasm_module leads out of the modules directory with ..', example);
  return undefined;
}

/** One spelling for one file: `./a//b.wasm` is `a/b.wasm`. */
export function normalModule(module: string): string {
  return module.startsWith('builtin:')
    ? module
    : module
        .split('/')
        .filter((part) => part !== '' && part !== '.')
        .join('/');
}

export function isBuiltin(module: string): boolean {
  return module.startsWith('builtin:');
}

export function hasControlCharacter(text: string): boolean {
  return /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(text);
}
