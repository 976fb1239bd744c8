// The addon: a consumer and a producer over librdkafka's C API that speak packed batches (native/README.md).
#include "consumer.h"
#include "producer.h"

namespace streamline {
namespace {

napi_value error_text(napi_env env, napi_callback_info info) {
  Arguments<1> arguments(env, info);
  int32_t code;
  if (!as_int(env, arguments[0], &code)) return throw_type(env, "errorText(code: number)");
  return string(env, rd_kafka_err2str(static_cast<rd_kafka_resp_err_t>(code)));
}

napi_value define(napi_env env, napi_value exports) {
  const auto set = [env, exports](const char* name, napi_value value) {
    must(napi_set_named_property(env, exports, name, value));
  };
  set("Consumer", Consumer::define(env));
  set("Producer", Producer::define(env));
  set("librdkafkaVersion", string(env, rd_kafka_version_str()));
  napi_value function;
  must(napi_create_function(env, "errorText", NAPI_AUTO_LENGTH, guarded<error_text>, nullptr, &function));
  set("errorText", function);
  return exports;
}

}  // namespace
}  // namespace streamline

// Context-aware: nothing here outlives its environment, so any thread of a process may load it.
NAPI_MODULE_INIT() {
  using namespace streamline;
  try {
    return define(env, exports);
  } catch (const Unwind&) {
    return nullptr;
  }
}
