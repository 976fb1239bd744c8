#include "client.h"

#include <algorithm>
#include <future>

namespace streamline {
namespace {

// A question about metadata holds the client's thread for so long at most, and grows to the second: a closing or ending environment
// waits for it, and a cluster far away needs more than the first.
constexpr int kAskMsFirst = 250;
constexpr int kAskMsMost = 1000;
// Whatever comes wakes a client; without anything to do it looks around this often all the same, as every wait has an end.
constexpr int kIdleMs = 5000;
// The handle is given so long to be gone before it is left to itself.
constexpr int kDestroyMs = 2000;
constexpr int kDestroyMsHasty = 500;

// Destroys a handle whose queues call nobody any more. librdkafka waits in there for what it has under way, and has no bound for all
// of it: a commit waits for a coordinator as long as the session lasts.
void destroy(rd_kafka_t* rk, int wait_ms) {
  auto done = std::make_shared<std::promise<void>>();
  const std::future<void> gone = done->get_future();
  std::thread([rk, done] {
    rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    done->set_value();
  }).detach();
  gone.wait_for(std::chrono::milliseconds(wait_ms));
}

}  // namespace

Client::Client(napi_env env, napi_value on_event) : env_(env), mailbox_(env) {
  must(napi_create_reference(env, on_event, 1, &on_event_));
}

rd_kafka_conf_t* Client::configure(napi_env env, napi_value properties, int events) {
  napi_value names;
  uint32_t count = 0;
  napi_valuetype type;
  must(napi_typeof(env, properties, &type));
  if (type != napi_object || !did(napi_get_property_names(env, properties, &names)) ||
      !did(napi_get_array_length(env, names, &count))) {
    throw_type(env, "the configuration is an object of strings");
    return nullptr;
  }
  std::unique_ptr<rd_kafka_conf_t, decltype(&rd_kafka_conf_destroy)> owned(rd_kafka_conf_new(), rd_kafka_conf_destroy);
  rd_kafka_conf_t* const conf = owned.get();
  char why[512];
  for (uint32_t i = 0; i < count; i += 1) {
    napi_value name_value;
    napi_value value;
    std::string name;
    std::string text;
    must(napi_get_element(env, names, i, &name_value));
    must(napi_get_property(env, properties, name_value, &value));
    if (!as_string(env, name_value, &name) || !as_string(env, value, &text)) {
      throw_type(env, "the configuration is an object of strings");
      return nullptr;
    }
    if (rd_kafka_conf_set(conf, name.c_str(), text.c_str(), why, sizeof why) == RD_KAFKA_CONF_OK) continue;
    napi_throw_error(env, nullptr, (std::string(why) + " (property \"" + name + "\")").c_str());
    return nullptr;
  }
  rd_kafka_conf_set(conf, "log.queue", "true", why, sizeof why);
  rd_kafka_conf_set_events(conf, events | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG | RD_KAFKA_EVENT_STATS);
  return owned.release();
}

bool Client::create(rd_kafka_type_t type, rd_kafka_conf_t* conf) {
  char method[32] = "";
  size_t size = sizeof method;
  rd_kafka_conf_get(conf, "sasl.oauthbearer.method", method, &size);
  rd_kafka_conf_set_opaque(conf, this);
  char why[512];
  {
    SignalsBlocked blocked;
    rk_ = rd_kafka_new(type, conf, why, sizeof why);
  }
  if (rk_ == nullptr) {
    rd_kafka_conf_destroy(conf);
    napi_throw_error(env_, nullptr, why);
    return false;
  }
  if (std::string(method) == "oidc") {
    rd_kafka_error_t* error = rd_kafka_sasl_background_callbacks_enable(rk_);
    if (error != nullptr) rd_kafka_error_destroy(error);
  }
  main_queue_ = rd_kafka_queue_get_main(rk_);
  rd_kafka_set_log_queue(rk_, main_queue_);
  watch(main_queue_);
  return true;
}

void Client::discard() {
  must(napi_delete_reference(env_, on_event_));
  mailbox_.close();
}

// ---- JavaScript's thread ------------------------------------------------------------------------------------------------------

napi_value Client::define_class(napi_env env, const char* name, napi_callback construct, std::vector<Method> methods) {
  methods.insert(methods.end(), {{"connect", guarded<js_connect>}, {"close", guarded<js_close>}});
  std::vector<napi_property_descriptor> properties;
  for (const Method& method : methods)
    properties.push_back({method.name, nullptr, method.call, nullptr, nullptr, nullptr, napi_default_method, nullptr});
  napi_value constructor;
  must(napi_define_class(env, name, NAPI_AUTO_LENGTH, construct, nullptr, properties.size(), properties.data(),
                         &constructor));
  return constructor;
}

void Client::adopt(napi_env env, napi_value self, std::unique_ptr<Client> client) {
  Client* raw = client.get();
  try {
    {
      // Not before its class is whole: the thread would call what is not there yet.
      SignalsBlocked blocked;
      raw->thread_ = std::thread([raw] { raw->main(); });
    }
    must(napi_wrap(env, self, raw, finalize, nullptr, &raw->self_));
  } catch (...) {
    // No thread to be had, or JavaScript is being stopped.
    raw->leave_hastily();
    if (raw->thread_.joinable()) raw->thread_.join();
    else raw->main();
    raw->discard();
    throw;
  }
  client.release();
  // Referenced until closed: a client nobody points to any more still has a thread and a place in its group.
  must(napi_reference_ref(env, raw->self_, nullptr));
  // After the mailbox was made, so it runs before the mailbox's own end.
  must(napi_add_env_cleanup_hook(env, environment_ends, raw));
}

Client* Client::of(napi_env env, napi_value self) {
  void* data = nullptr;
  if (!did(napi_unwrap(env, self, &data))) {
    throw_type(env, "not a Kafka client");
    return nullptr;
  }
  return static_cast<Client*>(data);
}

bool Client::order(Order order) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (closing_) return false;
  orders_.push_back(std::move(order));
  wake_.notify_one();
  return true;
}

napi_value Client::promise(const std::function<void(napi_deferred)>& make, Refusal refusal) {
  napi_deferred deferred;
  napi_value promise;
  must(napi_create_promise(env_, &deferred, &promise));
  const bool taken = order([make, deferred] { make(deferred); });
  if (!taken) must(napi_resolve_deferred(env_, deferred, refusal(env_)));
  return promise;
}

napi_value Client::js_connect(napi_env env, napi_callback_info info) {
  Arguments<2> arguments(env, info);
  Client* self = of(env, arguments.self);
  if (self == nullptr) return nullptr;
  std::string topic;
  double timeout_ms;
  if (!is_nullish(env, arguments[0]) && !as_string(env, arguments[0], &topic))
    return throw_type(env, "connect(topic: string | undefined, timeoutMs: number)");
  if (!did(napi_get_value_double(env, arguments[1], &timeout_ms)))
    return throw_type(env, "connect(topic: string | undefined, timeoutMs: number)");
  return self->promise([self, topic, timeout_ms](napi_deferred deferred) {
    if (self->connecting_) {
      self->settle(deferred, RD_KAFKA_RESP_ERR__STATE);
      return;
    }
    self->connecting_ = Connecting{deferred, topic, after_ms(timeout_ms), kAskMsFirst};
  });
}

napi_value Client::js_close(napi_env env, napi_callback_info info) {
  Arguments<0> arguments(env, info);
  Client* self = of(env, arguments.self);
  if (self == nullptr) return nullptr;
  napi_deferred deferred;
  napi_value promise;
  must(napi_create_promise(env, &deferred, &promise));
  std::lock_guard<std::mutex> lock(self->mutex_);
  if (self->ended_) {
    must(napi_resolve_deferred(env, deferred, undefined(env)));
    return promise;
  }
  self->close_deferreds_.push_back(deferred);
  self->closing_ = true;
  self->wake_.notify_one();
  return promise;
}

void Client::environment_ends(void* data) {
  auto* self = static_cast<Client*>(data);
  self->leave_hastily();
  // Bounded: every wait of the thread is (kAskMsMost, kIdleMs), and the handle is destroyed without leaving the group.
  if (self->thread_.joinable()) self->thread_.join();
  self->mailbox_.close();
  napi_delete_reference(self->env_, self->on_event_);
  self->on_event_ = nullptr;
}

void Client::leave_hastily() {
  std::lock_guard<std::mutex> lock(mutex_);
  closing_ = true;
  hasty_ = true;
  wake_.notify_one();
}

void Client::finalize(napi_env env, void* data, void*) {
  auto* self = static_cast<Client*>(data);
  napi_delete_reference(env, self->self_);
  delete self;
}

// Delivered after the thread's last letter: nothing of it runs any more but its return.
void Client::end() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ended_ = true;
  }
  thread_.join();
  for (napi_deferred deferred : close_deferreds_) must(napi_resolve_deferred(env_, deferred, undefined(env_)));
  close_deferreds_.clear();
  must(napi_remove_env_cleanup_hook(env_, environment_ends, this));
  must(napi_delete_reference(env_, on_event_));
  on_event_ = nullptr;
  mailbox_.close();
  uint32_t count;
  must(napi_reference_unref(env_, self_, &count));
}

// ---- the client's thread ------------------------------------------------------------------------------------------------------

void Client::settle(napi_deferred deferred, double value) {
  tell([deferred, value](napi_env env) { must(napi_resolve_deferred(env, deferred, number(env, value))); });
}

void Client::tell_event(const char* kind, std::function<void(napi_env, std::vector<napi_value>*)> arguments) {
  tell([this, kind, arguments = std::move(arguments)](napi_env env) {
    if (on_event_ == nullptr) return;
    std::vector<napi_value> values{string(env, kind)};
    arguments(env, &values);
    napi_value callback;
    must(napi_get_reference_value(env, on_event_, &callback));
    napi_call_function(env, undefined(env), callback, values.size(), values.data(), nullptr);
  });
}

void Client::signal() {
  std::lock_guard<std::mutex> lock(mutex_);
  signalled_ = true;
  wake_.notify_one();
}

void Client::watch(rd_kafka_queue_t* queue) {
  rd_kafka_queue_cb_event_enable(
      queue, [](rd_kafka_t*, void* opaque) { static_cast<Client*>(opaque)->signal(); }, this);
}

size_t Client::serve_main_queue() {
  size_t served = 0;
  while (rd_kafka_event_t* event = rd_kafka_queue_poll(main_queue_, 0)) {
    served += 1;
    switch (rd_kafka_event_type(event)) {
      case RD_KAFKA_EVENT_ERROR: {
        const int code = rd_kafka_event_error(event);
        const bool fatal = rd_kafka_event_error_is_fatal(event) != 0;
        const std::string text = rd_kafka_event_error_string(event);
        tell_event("error", [code, fatal, text](napi_env env, std::vector<napi_value>* values) {
          values->insert(values->end(), {number(env, code), string(env, text), boolean(env, fatal)});
        });
        break;
      }
      case RD_KAFKA_EVENT_LOG: {
        const char* facility = nullptr;
        const char* line = nullptr;
        int level = 0;
        if (rd_kafka_event_log(event, &facility, &line, &level) != 0) break;
        tell_event("log", [level, facility = std::string(facility), line = std::string(line)](
                              napi_env env, std::vector<napi_value>* values) {
          values->insert(values->end(), {number(env, level), string(env, facility), string(env, line)});
        });
        break;
      }
      case RD_KAFKA_EVENT_STATS: {
        const std::string json = rd_kafka_event_stats(event);
        tell_event("stats", [json](napi_env env, std::vector<napi_value>* values) {
          values->push_back(string(env, json));
        });
        break;
      }
      default:
        on_queue_event(event);
    }
    rd_kafka_event_destroy(event);
  }
  return served;
}

// One slice of the question whether a broker answers. True while it goes on.
bool Client::try_connect(Instant now) {
  if (!connecting_) return false;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(connecting_->deadline - now).count();
  const int wait_ms = static_cast<int>(std::clamp<int64_t>(left, 1, connecting_->slice_ms));
  rd_kafka_topic_t* topic = nullptr;
  if (!connecting_->topic.empty()) topic = rd_kafka_topic_new(rk_, connecting_->topic.c_str(), nullptr);
  const rd_kafka_metadata_t* metadata = nullptr;
  // Without a topic: of those this client knows of, which is none. Never of all of them.
  const rd_kafka_resp_err_t code = rd_kafka_metadata(rk_, 0, topic, &metadata, wait_ms);
  if (topic != nullptr) rd_kafka_topic_destroy(topic);
  if (metadata != nullptr) rd_kafka_metadata_destroy(metadata);
  const bool passing = code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TRANSPORT;
  if (passing && left > wait_ms) {
    connecting_->slice_ms = std::min(connecting_->slice_ms * 2, kAskMsMost);
    // Transport errors come at once: no hot loop.
    if (code == RD_KAFKA_RESP_ERR__TRANSPORT) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    return true;
  }
  settle(connecting_->deferred, code);
  connecting_.reset();
  return false;
}

void Client::main() {
#ifdef __linux__
  pthread_setname_np(pthread_self(), thread_name());
#endif
  bool leaving = false;
  for (;;) {
    std::deque<Order> orders;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      orders.swap(orders_);
      signalled_ = false;
      leaving = closing_;
    }
    for (Order& order : orders) order();
    serve_main_queue();
    const Instant now = SteadyClock::now();
    Instant wake_at = now + std::chrono::milliseconds(kIdleMs);
    if (leaving) {
      if (connecting_) {
        settle(connecting_->deferred, RD_KAFKA_RESP_ERR__DESTROY);
        connecting_.reset();
      }
      abandon_requests();
      if (hasty() || left(now, &wake_at)) break;
    } else {
      const bool again = try_connect(now);
      if (step(now, &wake_at) == Next::kAgain || again) continue;
    }
    std::unique_lock<std::mutex> lock(mutex_);
    wake_.wait_until(lock, wake_at, [this, leaving] {
      return signalled_ || !orders_.empty() || (closing_ && !leaving) || hasty();
    });
  }
  release();
  rd_kafka_queue_cb_event_enable(main_queue_, nullptr, nullptr);
  rd_kafka_queue_destroy(main_queue_);
  rd_kafka_t* rk;
  {
    std::lock_guard<std::mutex> lock(handle_mutex_);
    rk = rk_;
    rk_ = nullptr;
  }
  destroy(rk, hasty() ? kDestroyMsHasty : kDestroyMs);
  if (!hasty()) tell([this](napi_env) { end(); });
}

}  // namespace streamline
