/* The host's functions as they are imported (docs/abi.md, "Host functions"). The rest of the library is what a transform calls. */

// @ts-ignore: decorator
@external("streamline", "log")
export declare function hostLog(level: i32, pointer: usize, length: i32): void;
// @ts-ignore: decorator
@external("streamline", "metadata_partition")
export declare function hostPartition(): i32;
// @ts-ignore: decorator
@external("streamline", "metadata_offset")
export declare function hostOffset(): i64;
// @ts-ignore: decorator
@external("streamline", "metadata_timestamp_ms")
export declare function hostTimestampMs(): i64;
// @ts-ignore: decorator
@external("streamline", "metadata_topic")
export declare function hostTopic(pointer: usize, capacity: i32): i32;
// @ts-ignore: decorator
@external("streamline", "value_is_null")
export declare function hostValueIsNull(): i32;
// @ts-ignore: decorator
@external("streamline", "header_count")
export declare function hostHeaderCount(): i32;
// @ts-ignore: decorator
@external("streamline", "header_name")
export declare function hostHeaderName(index: i32, pointer: usize, capacity: i32): i32;
// @ts-ignore: decorator
@external("streamline", "header_value")
export declare function hostHeaderValue(index: i32, pointer: usize, capacity: i32): i32;
// @ts-ignore: decorator
@external("streamline", "header_find")
export declare function hostHeaderFind(name: usize, nameLength: i32): i32;
// @ts-ignore: decorator
@external("streamline", "header_set")
export declare function hostHeaderSet(name: usize, nameLength: i32, value: usize, valueLength: i32): void;
// @ts-ignore: decorator
@external("streamline", "header_add")
export declare function hostHeaderAdd(name: usize, nameLength: i32, value: usize, valueLength: i32): void;
// @ts-ignore: decorator
@external("streamline", "header_remove")
export declare function hostHeaderRemove(name: usize, nameLength: i32): i32;
// @ts-ignore: decorator
@external("streamline", "emit")
export declare function hostEmit(payload: usize, length: i32, topic: usize, topicLength: i32): void;
// @ts-ignore: decorator
@external("streamline", "emit_tombstone")
export declare function hostEmitTombstone(key: usize, keyLength: i32, topic: usize, topicLength: i32): void;
// @ts-ignore: decorator
@external("streamline", "metric_add")
export declare function hostMetricAdd(name: usize, nameLength: i32, by: f64): void;
// @ts-ignore: decorator
@external("streamline", "metric_set")
export declare function hostMetricSet(name: usize, nameLength: i32, value: f64): void;

/** A length that stands for null, on either side. */
export const NULL_LENGTH: i32 = -1;
