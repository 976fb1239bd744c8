/** WebAssembly value types as the text format writes them. */
export type ValueType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128' | 'funcref' | 'externref' | 'exnref';

export interface FunctionType {
  readonly params: readonly ValueType[];
  readonly results: readonly ValueType[];
}

export interface KnownImport extends FunctionType {
  /** What a guest that imports it can do; `nothing` = it exists so that toolchains link, and always answers with an error. */
  readonly grants: string;
}

const nothing = 'nothing';
const i = 'i32';
const l = 'i64';
const toI32 = (...params: ValueType[]): FunctionType => ({ params, results: ['i32'] });
const denied = (...params: ValueType[]): KnownImport => ({ ...toI32(...params), grants: nothing });

/**
 * Every function a guest may import, with its signature; anything else is refused by name. Implemented in
 * src/guest/host-functions, which must cover this table. I9: what is not in here cannot be reached.
 */
export const KNOWN_IMPORTS = {
  streamline: {
    /** (level, ptr, len): level 0 trace … 5 error. */
    log: { params: [i, i, i], results: [], grants: 'write log lines (rate-limited)' },
    metadata_partition: { ...toI32(), grants: "read the record's partition number" },
    metadata_offset: { params: [], results: [l], grants: "read the record's offset" },
    metadata_timestamp_ms: { params: [], results: [l], grants: "read the record's timestamp" },
    /** (ptr, cap) → length of the key, -1 = null; nothing is written when it is longer than cap. */
    key: { ...toI32(i, i), grants: "read the record's key" },
    /** () → 1 where the value is null, which a payload shows as an empty one. */
    value_is_null: { ...toI32(), grants: "read whether the record's value is null" },
    header_count: { ...toI32(), grants: "read the record's headers" },
    /** (index, ptr, cap) → length. */
    header_name: { ...toI32(i, i, i), grants: "read the record's headers" },
    /** (index, ptr, cap) → length, -1 = null. */
    header_value: { ...toI32(i, i, i), grants: "read the record's headers" },
    /** (name ptr, len) → index of the last header of the name, -1 = none. */
    header_find: { ...toI32(i, i), grants: "read the record's headers" },
    /** (name ptr, len, value ptr, len; -1 = null): in place of all of the name. */
    header_set: { params: [i, i, i, i], results: [], grants: "change the output's headers" },
    header_add: { params: [i, i, i, i], results: [], grants: "change the output's headers" },
    /** (name ptr, len) → how many there were. */
    header_remove: { ...toI32(i, i), grants: "change the output's headers" },
    /** (payload ptr, len, topic ptr, len; 0 = the spec's). */
    emit: { params: [i, i, i, i], results: [], grants: 'write outputs of the record' },
    /** (key ptr, len; -1 = null, topic ptr, len): an output without value. */
    emit_tombstone: { params: [i, i, i, i], results: [], grants: 'write outputs of the record' },
    /** (name ptr, len, by): a counter, by 0 or more. */
    metric_add: { params: [i, i, 'f64'], results: [], grants: 'count in metrics of its transform' },
    metric_set: { params: [i, i, 'f64'], results: [], grants: 'set gauges of its transform' },
    /** (ptr, cap) → length of the name; nothing is written when it is longer than cap. */
    metadata_topic: { ...toI32(i, i), grants: "read the record's topic name" },
    metadata_schema_id: { ...toI32(), grants: 'read the id of the schema of its value' },
    /** As metadata_topic. */
    metadata_schema_name: { ...toI32(i, i), grants: 'read the name of the schema of its value' },
    metadata_key_schema_id: { ...toI32(), grants: 'read the id of the schema of its key' },
    metadata_key_schema_name: { ...toI32(i, i), grants: 'read the name of the schema of its key' },
  },
  env: {
    /** AssemblyScript: (message, file name, line, column). */
    abort: { params: [i, i, i, i], results: [], grants: 'fail the record with a message' },
  },
  // What Go, Rust std, wasi-libc and AssemblyScript's shim import. No file, socket, environment or argument exists in there.
  wasi_snapshot_preview1: {
    args_get: denied(i, i),
    args_sizes_get: denied(i, i),
    clock_res_get: denied(i, i),
    clock_time_get: { ...toI32(i, l, i), grants: 'read the clock as the host shows it' },
    environ_get: denied(i, i),
    environ_sizes_get: denied(i, i),
    fd_advise: denied(i, l, l, i),
    fd_allocate: denied(i, l, l),
    fd_close: denied(i),
    fd_datasync: denied(i),
    fd_fdstat_get: denied(i, i),
    fd_fdstat_set_flags: denied(i, i),
    fd_filestat_get: denied(i, i),
    fd_filestat_set_size: denied(i, l),
    fd_pread: denied(i, i, i, l, i),
    fd_prestat_dir_name: denied(i, i, i),
    fd_prestat_get: denied(i, i),
    fd_pwrite: denied(i, i, i, l, i),
    fd_read: denied(i, i, i, i),
    fd_readdir: denied(i, i, i, l, i),
    fd_renumber: denied(i, i),
    fd_seek: denied(i, l, i, i),
    fd_sync: denied(i),
    fd_tell: denied(i, i),
    fd_write: { ...toI32(i, i, i, i), grants: 'write log lines through stdout and stderr (rate-limited)' },
    path_create_directory: denied(i, i, i),
    path_filestat_get: denied(i, i, i, i, i),
    path_filestat_set_times: denied(i, i, i, i, l, l, i),
    path_link: denied(i, i, i, i, i, i, i),
    path_open: denied(i, i, i, i, i, l, l, i, i),
    path_readlink: denied(i, i, i, i, i, i),
    path_remove_directory: denied(i, i, i),
    path_rename: denied(i, i, i, i, i, i),
    path_symlink: denied(i, i, i, i, i),
    path_unlink_file: denied(i, i, i),
    poll_oneoff: denied(i, i, i, i),
    proc_exit: { params: [i], results: [], grants: 'fail the record with an exit code' },
    random_get: { ...toI32(i, i), grants: 'read random bytes' },
    sched_yield: denied(),
    sock_accept: denied(i, i, i),
    sock_recv: denied(i, i, i, i, i, i),
    sock_send: denied(i, i, i, i, i),
    sock_shutdown: denied(i, i),
  },
} as const satisfies Record<string, Record<string, KnownImport>>;

export type ImportModule = keyof typeof KNOWN_IMPORTS;

const table = new Map<string, Map<string, KnownImport>>(
  Object.entries(KNOWN_IMPORTS).map(([module, functions]) => [module, new Map(Object.entries(functions))]),
);

/** undefined = no such function: the module is refused. */
export function findKnownImport(module: string, name: string): KnownImport | undefined {
  return table.get(module)?.get(name);
}

/** The functions of one import module, for the implementation to check itself against. */
export function knownImportsOf(module: string): ReadonlyMap<string, KnownImport> {
  return table.get(module) ?? new Map();
}

/** `(i32, i64) -> i32`. */
export function signatureText(type: FunctionType): string {
  return `(${type.params.join(', ')}) -> ${type.results.length === 1 ? type.results[0] : `(${type.results.join(', ')})`}`;
}

export function sameSignature(a: FunctionType, b: FunctionType): boolean {
  return a.params.join() === b.params.join() && a.results.join() === b.results.join();
}
