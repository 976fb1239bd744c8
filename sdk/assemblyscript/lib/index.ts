/** Everything a transform needs; see README.md. */
export { Record } from "./record";
export { Header } from "./header";
export { Output } from "./output";
export { Result } from "./result";
export { Json, JsonField, JsonKind } from "./json";
export { Writer } from "./writer";
export { Level, log } from "./log";
export { metricAdd, metricSet } from "./metric";
export { alloc } from "./buffers";
export { configure, decide, answer, routeBy, Transform, SetUp, TopicOf } from "./run";
