/*
 * A guest that does what the first byte of the record's value says: one fixture for every way a guest can behave.
 * Built by build-fixtures.sh into chameleon.wasm and, with ALLOC, chameleon-alloc.wasm.
 */
typedef unsigned int u32;
typedef unsigned char u8;
typedef unsigned long long u64;

#define EXPORT(name) __attribute__((export_name(#name)))
#define IMPORT(module, name) __attribute__((import_module(#module), import_name(#name)))

IMPORT(streamline, log) void host_log(u32 level, const u8 *text, u32 length);
IMPORT(streamline, metadata_partition) u32 host_partition(void);
IMPORT(streamline, metadata_offset) u64 host_offset(void);
IMPORT(streamline, metadata_timestamp_ms) u64 host_timestamp(void);
IMPORT(streamline, metadata_topic) u32 host_topic(u8 *out, u32 capacity);
IMPORT(streamline, metadata_schema_id) u32 host_schema_id(void);
IMPORT(streamline, metadata_schema_name) u32 host_schema_name(u8 *out, u32 capacity);
IMPORT(streamline, metadata_key_schema_id) u32 host_key_schema_id(void);
IMPORT(streamline, metadata_key_schema_name) u32 host_key_schema_name(u8 *out, u32 capacity);
IMPORT(streamline, key) u32 host_key(u8 *out, u32 capacity);
IMPORT(streamline, header_count) u32 host_header_count(void);
IMPORT(streamline, header_name) u32 host_header_name(u32 index, u8 *out, u32 capacity);
IMPORT(streamline, header_value) u32 host_header_value(u32 index, u8 *out, u32 capacity);
IMPORT(streamline, header_find) u32 host_header_find(const u8 *name, u32 length);
IMPORT(streamline, header_set) void host_header_set(const u8 *name, u32 length, const u8 *value, u32 value_length);
IMPORT(streamline, header_add) void host_header_add(const u8 *name, u32 length, const u8 *value, u32 value_length);
IMPORT(streamline, header_remove) u32 host_header_remove(const u8 *name, u32 length);
IMPORT(streamline, emit) void host_emit(const u8 *payload, u32 length, const u8 *topic, u32 topic_length);
IMPORT(streamline, emit_tombstone) void host_emit_tombstone(const u8 *key, u32 length, const u8 *topic, u32 topic_length);
IMPORT(streamline, metric_add) void host_metric_add(const u8 *name, u32 length, double by);
IMPORT(streamline, metric_set) void host_metric_set(const u8 *name, u32 length, double value);
IMPORT(env, abort) void host_abort(const void *message, const void *file, u32 line, u32 column);
IMPORT(wasi_snapshot_preview1, proc_exit) void wasi_exit(u32 code);
IMPORT(wasi_snapshot_preview1, fd_write) u32 wasi_write(u32 descriptor, const void *vectors, u32 count, u32 *written);
IMPORT(wasi_snapshot_preview1, clock_time_get) u32 wasi_time(u32 id, u64 precision, u64 *time);
IMPORT(wasi_snapshot_preview1, random_get) u32 wasi_random(u8 *out, u32 length);
IMPORT(wasi_snapshot_preview1, path_open) u32 wasi_open(u32, u32, const void *, u32, u32, u64, u64, u32, void *);

static u32 counter;
static volatile u32 sink;
/* AssemblyScript's layout of a string: byte length, then UTF-16. */
static const struct { u32 length; unsigned short text[4]; } abort_message = {8, {'o', 'u', 'c', 'h'}};

static u32 decimal(u8 *out, u64 n) {
  u8 digits[20];
  u32 count = 0;
  do digits[count++] = '0' + n % 10; while (n /= 10);
  for (u32 i = 0; i < count; i++) out[i] = digits[count - 1 - i];
  return count;
}

static u32 key_length(const u8 *in) {
  u32 announced = *(const u32 *)in;
  return announced == 0xffffffff ? 0 : announced;
}

static u8 command(const u8 *in, u32 length) {
  u32 at = 4 + key_length(in);
  return at < length ? in[at] : 0;
}

static u32 copy(u8 *out, const u8 *in, u32 length) {
  for (u32 i = 0; i < length; i++) out[i] = in[i];
  return length;
}

/* A null key and `length` bytes that are already at out + 4. */
static u32 keyless(u8 *out, u32 length) {
  *(u32 *)out = 0xffffffff;
  return 4 + length;
}

__attribute__((noinline)) static u32 dig(u32 depth) {
  return sink == 1 ? depth : dig(depth + 1) * 3 + sink; /* nothing on the guest's own stack: the engine's is to end */
}

static void spin(void) {
  for (;;) sink++;
}

EXPORT(init) u32 init(const u8 *config, u32 length) {
  for (u32 i = 0; i + 4 <= length; i++) {
    u32 word = *(const u32 *)(config + i);
    if (word == 0x6f6e7973) return 0;            /* "syno": says no */
    if (word == 0x70617274) __builtin_trap();    /* "trap" */
    if (word == 0x6e697073) spin();              /* "spin" */
    if (word == 0x6d656d67) while (__builtin_wasm_memory_grow(0, 1) != -1) {} /* "gmem": takes all memory */
  }
  return 1;
}

EXPORT(filter) u32 filter(const u8 *in, u32 length) {
  if (command(in, length) == 'Q') host_emit(in, length, 0, 0); /* too early */
  return command(in, length) != 'f';
}

/** Ids one higher, as -1 stands for none: `"8 n.User 0 "`. */
static u32 schemas(u8 *out) {
  u8 *to = out + 4;
  *to++ = '"';
  to += decimal(to, host_schema_id() + 1);
  *to++ = ' ';
  to += host_schema_name(to, 100);
  *to++ = ' ';
  to += decimal(to, host_key_schema_id() + 1);
  *to++ = ' ';
  to += host_key_schema_name(to, 100);
  *to++ = '"';
  return keyless(out, to - out - 4);
}

static u32 metadata(u8 *out) {
  u64 now = 0;
  u8 *to = out + 4;
  to += host_topic(to, 100);
  *to++ = ' ';
  to += decimal(to, host_partition());
  *to++ = ' ';
  to += decimal(to, host_offset());
  *to++ = ' ';
  to += decimal(to, host_timestamp());
  *to++ = ' ';
  wasi_time(0, 0, &now);
  to += decimal(to, now / 1000000);
  return keyless(out, to - out - 4);
}

/* One step of a script: an opcode, then a name or text, then perhaps `=` and another. */
struct step { u8 op; const u8 *name; u32 name_length; const u8 *text; u32 text_length; };

static struct step step_at(const u8 *at, u32 length) {
  struct step step = {length ? at[0] : 0, at + 1, 0, 0, 0xffffffff};
  u32 i = 1;
  while (i < length && at[i] != '=') i++;
  if (length) step.name_length = i - 1;
  if (i < length) {
    step.text = at + i + 1;
    step.text_length = length - i - 1;
  }
  return step;
}

static u32 number(const u8 *at, u32 length) {
  u32 n = 0;
  for (u32 i = 0; i < length; i++) n = n * 10 + at[i] - '0';
  return n;
}

static void emit(u8 *out, u32 length, const u8 *topic, u32 topic_length) {
  host_emit(out, keyless(out, length), topic, topic_length);
}

/* What follows the `E` of a value: steps with `;` between them. */
static u32 script(const u8 *at, const u8 *end, u8 *out) {
  u8 *text = out + 4;
  while (at < end) {
    const u8 *stop = at;
    while (stop < end && *stop != ';') stop++;
    struct step step = step_at(at, stop - at);
    const u8 *name = step.name;
    u32 name_length = step.name_length;
    switch (step.op) {
      case 'e': emit(out, copy(text, name, name_length), 0, 0); break;
      case 't': emit(out, step.text ? copy(text, step.text, step.text_length) : 0, name, name_length); break;
      case 'z': host_emit_tombstone(name, name_length, 0, 0); break;
      case 'Z': host_emit_tombstone(0, 0xffffffff, 0, 0); break;
      case 'n': /* so many bytes */
        for (u32 i = 0; i < number(name, name_length); i++) text[i] = 'n';
        emit(out, number(name, name_length), 0, 0);
        break;
      case 'N': /* without end */
        for (;;) emit(out, 1, 0, 0);
      case 'k': emit(out, host_key(text, 100), 0, 0); break;
      case 'c': emit(out, decimal(text, host_header_count()), 0, 0); break;
      case 'i': { /* the name and value of that header */
        u32 index = number(name, name_length);
        u32 length = host_header_name(index, text, 100);
        text[length] = ':';
        emit(out, length + 1 + host_header_value(index, text + length + 1, 100), 0, 0);
        break;
      }
      case 'f': emit(out, host_header_value(host_header_find(name, name_length), text, 100), 0, 0); break;
      case 'h': host_header_set(name, name_length, step.text, step.text_length); break;
      case 'a': host_header_add(name, name_length, step.text, step.text_length); break;
      case 'r': host_header_remove(name, name_length); break;
      case 'm': host_metric_add(name, name_length, number(step.text, step.text_length)); break;
      case 'M': host_metric_add(name, name_length, -1); break;
      case 'g': host_metric_set(name, name_length, number(step.text, step.text_length)); break;
      case '!': __builtin_trap();
      case 'x': return 0xffffffff;
      case 'l': host_emit((const u8 *)0xfffffff0, 64, 0, 0); break;
      case 'F': *(u32 *)out = 100; host_emit(out, 8, 0, 0); break; /* a frame that lies */
      case 'A': return keyless(out, copy(text, name, name_length));
    }
    at = stop + 1;
  }
  return 0;
}

EXPORT(transform) u32 transform(const u8 *in, u32 length, u8 *out) {
  u32 value = 4 + key_length(in);
  counter++;
  switch (command(in, length)) {
    case 'm': /* map: the value's letters in capitals */
      copy(out, in, length);
      for (u32 i = value; i < length; i++) if (out[i] >= 'a' && out[i] <= 'z') out[i] -= 32;
      return length;
    case 'c': return keyless(out, decimal(out + 4, counter));
    case 'h': copy(out + 4, in, length); return keyless(out, length); /* shows the frame it was given */
    case 'M': return metadata(out);
    case '7': return schemas(out); /* an int as JSON */
    case 'E': return script(in + value + 1, in + length, out);
    case 'x': return 0xffffffff;
    case 't': __builtin_trap();
    case 's': spin();
    case 'l': return 0x7fffffff;
    case 'k': copy(out, in, length); *(u32 *)out = length; return length;
    case 'j': return 3;
    case 'd': return dig(0);
    case 'b': while (__builtin_wasm_memory_grow(0, 1) != -1) {} __builtin_trap();
    case 'g': __builtin_wasm_memory_grow(0, 1); return copy(out, in, length);
    case 'w': for (u32 i = 0;; i++) out[i] = 1;
    case 'L': for (u32 i = 0; i < 100000; i++) host_log(2, (const u8 *)"flood", 5); return 0;
    case 'O': for (u32 i = 0; i < 1000; i++) host_log(2, in + value, length - value); return 0;
    case 'v': host_log(3, in + value, length - value); return 0;
    case 'V': host_log(3, (const u8 *)0xfffffff0, 64); return 0;
    case 'H': for (;;) host_partition();
    case 'a': host_abort(abort_message.text, 0, 7, 9);
    case 'e': wasi_exit(3);
    case 'i': {
      const struct { const u8 *at; u32 length; } vectors[2] = {{in + value, length - value}, {(const u8 *)"\n", 1}};
      u32 written = 0;
      wasi_write(1, vectors, 2, &written);
      return keyless(out, decimal(out + 4, written));
    }
    case 'q': return keyless(out, decimal(out + 4, wasi_open(3, 0, "etc", 3, 0, 0, 0, 0, out)));
    case 'R': return keyless(out, decimal(out + 4, wasi_random((u8 *)0xfffffff0, 64)));
    case 'B': { /* the biggest output the test allows: 4 + digits of the value */
      u32 bytes = 0;
      for (u32 i = value + 1; i < length; i++) bytes = bytes * 10 + in[i] - '0';
      for (u32 i = 0; i < bytes; i++) out[4 + i] = 'B';
      return keyless(out, bytes);
    }
    default: return 0;
  }
}

/* The topic after the first byte of a value that starts with r; lies for n and o. */
EXPORT(route) u32 route(const u8 *in, u32 length, u8 *out) {
  u32 value = 4 + key_length(in);
  switch (command(in, length)) {
    case 'r': return copy(out, in + value + 1, length - value - 1);
    case 'M': return copy(out, (const u8 *)"meta", 4);
    case 'n': return 0x7fffffff;
    case 'o': for (u32 i = 0; i < 250; i++) out[i] = 'o'; return 250;
    default: return 0;
  }
}

#ifdef ALLOC
extern u8 __heap_base;
static u32 next;
EXPORT(alloc) u32 alloc(u32 length) {
  if (next == 0) next = (u32)&__heap_base;
  u32 at = (next + 1) | 1; /* odd on purpose: an allocator promises no alignment */
  u32 end = at + length;
  u32 have = __builtin_wasm_memory_size(0) * 65536;
  if (end > have && __builtin_wasm_memory_grow(0, (end - have + 65535) / 65536) == -1) return 0;
  next = end;
  return at;
}
#endif

#ifdef ALLOC_LIES
EXPORT(alloc) u32 alloc(u32 length) {
  return 0xfffffff0;
}
#endif
