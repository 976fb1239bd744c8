import { answer, configure, decide, routeBy } from "../../lib";
import { probe, setUp, topicOf } from "./probe";

export { alloc } from "../../lib";

export function init(config: usize, length: i32): i32 {
  return configure(config, length, setUp);
}

export function filter(input: usize, length: i32): i32 {
  return decide(input, length, probe);
}

export function transform(input: usize, length: i32, output: usize): i32 {
  return answer(input, length, output, probe);
}

export function route(input: usize, length: i32, output: usize): i32 {
  return routeBy(input, length, output, topicOf);
}
