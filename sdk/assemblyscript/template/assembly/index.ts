/* What the host calls. The work is in transform.ts; here it is wired, since AssemblyScript exports what its first file does. */
import { answer, configure, decide } from "./streamline";
import { setUp, transform as mask } from "./transform";

export { alloc } from "./streamline";

export function init(config: usize, length: i32): i32 {
  return configure(config, length, setUp);
}

export function filter(input: usize, length: i32): i32 {
  return decide(input, length, mask);
}

export function transform(input: usize, length: i32, output: usize): i32 {
  return answer(input, length, output, mask);
}
