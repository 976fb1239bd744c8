/*
 * wit/transform.wit by hand: what wit-bindgen would generate, in as few lines as fixtures need. Layouts are the canonical ABI's.
 */
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long s64;

typedef struct { u8 *at; u32 length; } list;
/* option<list<u8>>, option<string>, option<list<header>> */
typedef struct { u8 some; u8 *at; u32 length; } option;
typedef struct { list name; option value; } header;
typedef struct { option topic, key, value, headers; } output;
typedef struct {
  u8 failed;
  union {
    struct { output *at; u32 length; } ok;
    struct { list message; u8 retry; } error;
  };
} result;
/* result<_, string> */
typedef struct { u8 failed; list message; } init_result;

_Static_assert(sizeof(header) == 20 && sizeof(output) == 48 && sizeof(result) == 16, "layout");

#define EXPORT(name) __attribute__((export_name(name)))
#define IMPORT(module, name) __attribute__((import_module(module), import_name(name)))
#define TRANSFORM "streamline:transform/transform@0.1.0#transform"
#define INIT "streamline:transform/config@0.1.0#init"

IMPORT("streamline:transform/log@0.1.0", "log") void host_log(u32 level, const u8 *text, u32 length);
IMPORT("streamline:transform/metric@0.1.0", "add") void host_add(const u8 *name, u32 length, double amount);
IMPORT("streamline:transform/metric@0.1.0", "set") void host_set(const u8 *name, u32 length, double value);
IMPORT("streamline:transform/clock@0.1.0", "now-ms") s64 host_now_ms(void);

/* option<record { id: u32, name: string }> */
typedef struct { u8 some; u32 id; list name; } schema;
IMPORT("streamline:transform/schemas@0.1.0", "value-schema") void host_value_schema(schema *to);
IMPORT("streamline:transform/schemas@0.1.0", "key-schema") void host_key_schema(schema *to);

#ifndef NO_ALLOCATOR
/* Memory of one call: given back as a whole when the answer has been read. */
extern u8 __heap_base;
static u32 heap;

static void *allocate(u32 bytes, u32 align) {
  if (heap == 0) heap = (u32)&__heap_base;
  u32 at = (heap + align - 1) & ~(align - 1);
  u32 have = __builtin_wasm_memory_size(0) * 65536u;
  if (at + bytes < at) __builtin_trap();
  if (at + bytes > have && __builtin_wasm_memory_grow(0, (at + bytes - have + 65535) / 65536) == (u32)-1) __builtin_trap();
  heap = at + bytes;
  return (void *)at;
}

EXPORT("cabi_realloc") void *cabi_realloc(void *old, u32 old_bytes, u32 align, u32 bytes) {
  u8 *at = allocate(bytes, align);
  for (u32 i = 0; i < old_bytes && i < bytes; i++) at[i] = ((u8 *)old)[i];
  return at;
}
#endif

static option none(void) { return (option){0, 0, 0}; }
static option some(u8 *at, u32 length) { return (option){1, at, length}; }
static list text(const char *at) {
  u32 length = 0;
  while (at[length]) length++;
  return (list){(u8 *)at, length};
}
static option some_text(const char *at) {
  list of = text(at);
  return some(of.at, of.length);
}
