import type { Command } from 'commander';
import { toStreamlineError } from '../base/error.ts';
import { exitCodeOf, shapeOf } from './command-error.ts';
import { connectionOf, timeoutMsOf, wantsJson, type Environment } from './global-options.ts';
import { SidecarClient } from './sidecar-client.ts';
import { Terminal, type Streams } from './terminal.ts';

export type ExitCode = 0 | 1 | 2 | 3;

/** What the process gives: nothing below asks it for more. */
export interface CliIo {
  readonly streams: Streams;
  readonly env: Environment;
  /** From now on Ctrl-C and SIGTERM abort the signal instead of ending the process. */
  readonly interrupt: () => AbortSignal;
}

/** One command at work. */
export interface Session {
  readonly terminal: Terminal;
  /** Made when first asked for: a command that works offline reads no token. */
  readonly client: SidecarClient;
  /** `--timeout`, if given. */
  readonly timeoutMs: number | undefined;
  readonly interrupt: () => AbortSignal;
  /** For secrets that a sidecar.yaml refers to. */
  readonly env: Environment;
}

type Body<A extends readonly unknown[]> = (session: Session, ...args: A) => Promise<ExitCode | void>;

/** What all commands of one run share. */
export class CliContext {
  readonly #io: CliIo;
  exitCode: ExitCode = 0;

  constructor(io: CliIo) {
    this.#io = io;
  }

  /** A command's work as commander calls it: arguments, flags, the command. Whatever it throws is told, never with a stack. */
  action<A extends readonly unknown[]>(body: Body<A>): (...args: [...A, Command]) => Promise<void> {
    return async (...all) => {
      const command = all.at(-1) as Command;
      const args = all.slice(0, -1) as unknown as A;
      const terminal = new Terminal(this.#io.streams, wantsJson(command));
      const { env, interrupt } = this.#io;
      let client: SidecarClient | undefined;
      const session: Session = {
        terminal,
        get client() {
          return (client ??= new SidecarClient(connectionOf(command, env)));
        },
        timeoutMs: timeoutMsOf(command),
        interrupt,
        env,
      };
      try {
        this.exitCode = (await body(session, ...args)) ?? 0;
      } catch (thrown) {
        this.exitCode = tell(terminal, thrown);
      } finally {
        await client?.close();
      }
    };
  }
}

/** Shows an error and says what the program ends with. */
export function tell(terminal: Terminal, thrown: unknown): 1 | 2 | 3 {
  if (terminal.json) terminal.error(JSON.stringify(shapeOf(thrown)));
  else terminal.error(toStreamlineError(thrown).describe());
  return exitCodeOf(thrown);
}
