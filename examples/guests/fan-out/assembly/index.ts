import { answer, configure, decide } from "../../../../sdk/assemblyscript/lib";
import { fanOut, setUp } from "./fan-out";

export { alloc } from "../../../../sdk/assemblyscript/lib";

export function init(config: usize, length: i32): i32 {
  return configure(config, length, setUp);
}

export function filter(input: usize, length: i32): i32 {
  return decide(input, length, fanOut);
}

export function transform(input: usize, length: i32, output: usize): i32 {
  return answer(input, length, output, fanOut);
}
