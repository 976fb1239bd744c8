// The few things every file here does with Node-API. A wrong use of Node-API is a bug of ours and ends the process.
#pragma once

#define NAPI_VERSION 9
#include <node_api.h>

#include <cstdint>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

namespace streamline {

// Thrown where JavaScript threw (a getter of an argument) or may not run any more (a worker that is told to stop may be so between
// any two calls). Caught by `guarded` and by the mailbox: no exception crosses a frame of Node's.
struct Unwind {};

inline void must(napi_status status) {
  switch (status) {
    case napi_ok:
      return;
    case napi_pending_exception:
    case napi_cannot_run_js:
    case napi_closing:
    case napi_generic_failure:
      throw Unwind{};
    default:
      std::abort();
  }
}

// A method as JavaScript may call it.
template <napi_callback kMethod>
napi_value guarded(napi_env env, napi_callback_info info) {
  try {
    return kMethod(env, info);
  } catch (const Unwind&) {
    return nullptr;
  } catch (const std::exception& error) {
    // No memory, or no thread.
    napi_throw_error(env, nullptr, error.what());
    return nullptr;
  }
}

// For calls that fail while JavaScript is being torn down: then nobody waits for the answer any more.
inline bool did(napi_status status) { return status == napi_ok; }

// Memory of JavaScript's that the client's thread reads or writes: shared, because any other can be taken away under it.
struct Bytes {
  uint8_t* data = nullptr;
  size_t length = 0;
};

template <typename T>
struct View {
  const T* data = nullptr;
  size_t length = 0;
  std::vector<T> copy() const { return std::vector<T>(data, data + length); }
};

inline bool typed_array(napi_env env, napi_value value, napi_typedarray_type type, void** data, size_t* length) {
  bool is = false;
  if (!did(napi_is_typedarray(env, value, &is)) || !is) return false;
  napi_typedarray_type found;
  return did(napi_get_typedarray_info(env, value, &found, length, data, nullptr, nullptr)) && found == type;
}

inline bool is_shared(napi_env env, napi_value typed) {
  napi_value buffer;
  bool own = true;
  return did(napi_get_typedarray_info(env, typed, nullptr, nullptr, nullptr, &buffer, nullptr)) &&
         did(napi_is_arraybuffer(env, buffer, &own)) && !own;
}

inline bool as_shared_bytes(napi_env env, napi_value value, Bytes* out) {
  void* data = nullptr;
  if (!typed_array(env, value, napi_uint8_array, &data, &out->length) || !is_shared(env, value)) return false;
  out->data = static_cast<uint8_t*>(data);
  return true;
}
inline bool as_bytes(napi_env env, napi_value value, std::vector<uint8_t>* copy) {
  void* data = nullptr;
  size_t length = 0;
  if (!typed_array(env, value, napi_uint8_array, &data, &length)) return false;
  const auto* bytes = static_cast<const uint8_t*>(data);
  copy->assign(bytes, bytes + length);
  return true;
}
template <typename T>
inline bool as_view(napi_env env, napi_value value, napi_typedarray_type type, View<T>* out) {
  void* data = nullptr;
  if (!typed_array(env, value, type, &data, &out->length)) return false;
  out->data = static_cast<const T*>(data);
  return true;
}
inline bool as_int32s(napi_env env, napi_value value, View<int32_t>* out) {
  return as_view(env, value, napi_int32_array, out);
}
inline bool as_uint32s(napi_env env, napi_value value, View<uint32_t>* out) {
  return as_view(env, value, napi_uint32_array, out);
}

// Above any cluster's: a list of them is kept by number.
constexpr int32_t kPartitionsMost = 1'000'000;
inline bool as_partitions(napi_env env, napi_value value, std::vector<int32_t>* out) {
  View<int32_t> view;
  if (!as_int32s(env, value, &view)) return false;
  *out = view.copy();
  for (int32_t partition : *out)
    if (partition < 0 || partition >= kPartitionsMost) return false;
  return true;
}
// Offsets or times: whole numbers as far as JavaScript has them.
constexpr double kWholeMost = 9007199254740991;
inline bool as_whole_numbers(napi_env env, napi_value value, std::vector<int64_t>* out) {
  View<double> view;
  if (!as_view(env, value, napi_float64_array, &view)) return false;
  for (double number : view.copy()) {
    if (!(number >= -kWholeMost && number <= kWholeMost)) return false;
    out->push_back(static_cast<int64_t>(number));
  }
  return true;
}
inline bool as_int(napi_env env, napi_value value, int32_t* out) { return did(napi_get_value_int32(env, value, out)); }
inline bool as_uint(napi_env env, napi_value value, uint32_t* out) {
  return did(napi_get_value_uint32(env, value, out));
}
inline bool as_bool(napi_env env, napi_value value, bool* out) { return did(napi_get_value_bool(env, value, out)); }

inline bool as_string(napi_env env, napi_value value, std::string* out) {
  size_t length = 0;
  if (!did(napi_get_value_string_utf8(env, value, nullptr, 0, &length))) return false;
  out->resize(length + 1);
  must(napi_get_value_string_utf8(env, value, &(*out)[0], length + 1, &length));
  out->resize(length);
  return true;
}

inline bool is_nullish(napi_env env, napi_value value) {
  napi_valuetype type;
  must(napi_typeof(env, value, &type));
  return type == napi_undefined || type == napi_null;
}

inline napi_value undefined(napi_env env) {
  napi_value value;
  must(napi_get_undefined(env, &value));
  return value;
}
inline napi_value number(napi_env env, double n) {
  napi_value value;
  must(napi_create_double(env, n, &value));
  return value;
}
inline napi_value boolean(napi_env env, bool b) {
  napi_value value;
  must(napi_get_boolean(env, b, &value));
  return value;
}
inline napi_value string(napi_env env, const std::string& text) {
  napi_value value;
  must(napi_create_string_utf8(env, text.data(), text.size(), &value));
  return value;
}
inline napi_value array(napi_env env) {
  napi_value value;
  must(napi_create_array(env, &value));
  return value;
}
inline void push(napi_env env, napi_value list, napi_value value) {
  uint32_t length;
  must(napi_get_array_length(env, list, &length));
  must(napi_set_element(env, list, length, value));
}

inline napi_value throw_type(napi_env env, const std::string& message) {
  napi_throw_type_error(env, nullptr, message.c_str());
  return nullptr;
}

template <size_t N>
struct Arguments {
  napi_value self;
  napi_value values[N == 0 ? 1 : N];
  Arguments(napi_env env, napi_callback_info info) {
    size_t count = N;
    must(napi_get_cb_info(env, info, &count, values, &self, nullptr));
    for (size_t i = count; i < N; i += 1) values[i] = undefined(env);
  }
  napi_value operator[](size_t i) const { return values[i]; }
};

inline bool is_construction(napi_env env, napi_callback_info info) {
  napi_value target = nullptr;
  must(napi_get_new_target(env, info, &target));
  return target != nullptr;
}

}  // namespace streamline
