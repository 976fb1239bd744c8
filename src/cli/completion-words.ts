import type { Argument, Command, Option } from 'commander';

/** What may stand where the cursor is: words with what they mean, or a file's name. */
export interface Completions {
  readonly words: readonly { readonly word: string; readonly description: string }[];
  /** The shell completes names of files. */
  readonly files: boolean;
  /** Names of transforms belong there too. */
  readonly transforms: boolean;
}

const NONE: Completions = { words: [], files: false, transforms: false };
const TRANSFORM_ARGUMENT = 'name';
const FILE_ARGUMENTS = ['file', 'module', 'directory', 'spec'];

/** What may follow in `words`, of which the last is being written. Walks commander's own tree: a command that is added is completed. */
export function completionsOf(program: Command, words: readonly string[]): Completions {
  const current = words.at(-1) ?? '';
  let command = program;
  let given = 0;
  let awaited: Option | undefined;
  for (const word of words.slice(0, -1)) {
    if (awaited !== undefined) {
      awaited = undefined;
    } else if (word.startsWith('-')) {
      const option = word.includes('=')
        ? undefined
        : optionsOf(command).find(({ short, long }) => word === short || word === long);
      awaited = option?.required === true ? option : undefined;
    } else {
      const sub = given === 0 ? subcommandOf(command, word) : undefined;
      if (sub === undefined) given += 1;
      else command = sub;
    }
  }
  if (awaited !== undefined) return valuesOf(awaited);
  if (current.startsWith('-')) return flagsOf(command);
  return given === 0 && command.commands.length > 0 ? subcommandsOf(command) : argumentsOf(command, given);
}

function subcommandOf(command: Command, word: string): Command | undefined {
  return command.commands.find((one) => one.name() === word || one.aliases().includes(word));
}

/** A command's own options and those of all above it. */
function optionsOf(command: Command): Option[] {
  const options: Option[] = [];
  for (let one: Command | null = command; one !== null; one = one.parent) options.push(...one.options);
  return options;
}

function valuesOf(option: Option): Completions {
  if (option.argChoices !== undefined)
    return { ...NONE, words: option.argChoices.map((word) => ({ word, description: '' })) };
  return { ...NONE, files: /<(?:file|directory)>/.test(option.flags) };
}

function flagsOf(command: Command): Completions {
  const options = optionsOf(command).filter(({ hidden }) => !hidden);
  const words = options.map(({ long, short, description }) => ({ word: long ?? short ?? '', description }));
  return { ...NONE, words: [...words, { word: '--help', description: 'display help for command' }] };
}

function subcommandsOf(command: Command): Completions {
  const shown = command.createHelp().visibleCommands(command);
  return { ...NONE, words: shown.map((one) => ({ word: one.name(), description: one.description() })) };
}

function argumentsOf(command: Command, given: number): Completions {
  const all: readonly Argument[] = command.registeredArguments;
  const last = all.at(-1);
  const argument = all[given] ?? (last?.variadic === true ? last : undefined);
  if (argument === undefined) return NONE;
  if (argument.argChoices !== undefined)
    return { ...NONE, words: argument.argChoices.map((word) => ({ word, description: '' })) };
  return {
    ...NONE,
    files: FILE_ARGUMENTS.includes(argument.name()),
    transforms: argument.name() === TRANSFORM_ARGUMENT,
  };
}
