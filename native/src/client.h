// What a consumer and a producer share: a librdkafka handle with a thread of its own, orders from JavaScript, letters back.
#pragma once

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wignored-qualifiers"
#include <librdkafka/rdkafka.h>
#pragma GCC diagnostic pop

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "mailbox.h"

namespace streamline {

using SteadyClock = std::chrono::steady_clock;
using Instant = SteadyClock::time_point;

// At most a day, and at least nothing, whatever number it is.
inline Instant after_ms(double ms) {
  constexpr double kDayMs = 86'400'000;
  return SteadyClock::now() + std::chrono::microseconds(ms > 0 ? static_cast<int64_t>(std::min(ms, kDayMs) * 1000) : 0);
}

// Threads made in here take no signals: those belong to Node's.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

/*
 * Threads: JavaScript's makes the client, gives orders and is told by letters. The client's own thread does everything that may
 * wait, and touches every record. librdkafka's threads only wake it. No call from JavaScript waits for the network.
 */
class Client {
 public:
  virtual ~Client() = default;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  struct Method {
    const char* name;
    napi_callback call;
  };
  // JavaScript's thread. A JavaScript class with these methods and those that every client has.
  static napi_value define_class(napi_env env, const char* name, napi_callback construct, std::vector<Method> methods);
  // Makes `self` the wrapper of `client`, which lives until it is closed, or its environment ends.
  static void adopt(napi_env env, napi_value self, std::unique_ptr<Client> client);
  static Client* of(napi_env env, napi_value self);

 protected:
  using Order = std::function<void()>;
  enum class Next { kAgain, kWait };

  Client(napi_env env, napi_value on_event);

  // Sets librdkafka's properties; throws into JavaScript and answers null when one is refused.
  static rd_kafka_conf_t* configure(napi_env env, napi_value properties, int events);
  // Takes the configuration. Throws into JavaScript and answers false when librdkafka refuses it.
  bool create(rd_kafka_type_t type, rd_kafka_conf_t* conf);
  // A client that was never adopted: gives back what its constructor took.
  void discard();
  // JavaScript's thread: gives the client's thread something to do. False when it is closing; the order is dropped.
  bool order(Order order);
  // JavaScript's thread: a promise, settled from the client's thread; at once with what `refusal` makes when the client is closed.
  using Refusal = napi_value (*)(napi_env);
  napi_value promise(const std::function<void(napi_deferred)>& make, Refusal refusal = closed_code);
  static napi_value closed_code(napi_env env) { return number(env, RD_KAFKA_RESP_ERR__DESTROY); }
  static napi_value closed_list(napi_env env) {
    napi_value list = array(env);
    push(env, list, closed_code(env));
    return list;
  }

  // The client's thread.
  virtual Next step(Instant now, Instant* wake_at) = 0;
  // Closing. Answers what is still asked for with an error; called again and again.
  virtual void abandon_requests() = 0;
  // Closing: whether all is done that is done before the handle is destroyed.
  virtual bool left(Instant now, Instant* wake_at) = 0;
  // As tools show the thread, at most 15 characters.
  virtual const char* thread_name() const = 0;
  // Extra things to give back before the handle goes.
  virtual void release() {}

  void settle(napi_deferred deferred, double value);
  void tell(Letter letter) { mailbox_.post(std::move(letter)); }
  // Calls on_event(kind, ...). Builds the arguments on JavaScript's thread.
  void tell_event(const char* kind, std::function<void(napi_env, std::vector<napi_value>*)> arguments);
  void signal();
  void watch(rd_kafka_queue_t* queue);
  // Errors, log lines and statistics; what else comes goes to `on_queue_event`. Answers how many there were.
  size_t serve_main_queue();
  virtual void on_queue_event(rd_kafka_event_t*) {}

  // Set until the client's thread ends; other threads look at it under `handle_mutex_`. Never call librdkafka under `mutex_`: it calls
  // `signal` with locks of its own held.
  rd_kafka_t* rk_ = nullptr;
  std::mutex handle_mutex_;
  rd_kafka_queue_t* main_queue_ = nullptr;
  // The thread that owns the handle was told to end without waiting for anything.
  bool hasty() const { return hasty_.load(std::memory_order_relaxed); }

 private:
  static napi_value js_connect(napi_env env, napi_callback_info info);
  static napi_value js_close(napi_env env, napi_callback_info info);
  static void environment_ends(void* data);
  static void finalize(napi_env env, void* data, void*);

  void leave_hastily();
  void main();
  bool try_connect(Instant now);
  void end();

  napi_env env_;
  napi_ref self_ = nullptr;
  napi_ref on_event_ = nullptr;
  Mailbox mailbox_;

  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Order> orders_;
  bool signalled_ = false;
  bool closing_ = false;
  std::atomic<bool> hasty_{false};
  bool ended_ = false;
  std::vector<napi_deferred> close_deferreds_;

  struct Connecting {
    napi_deferred deferred;
    std::string topic;
    Instant deadline;
    int slice_ms;
  };
  std::optional<Connecting> connecting_;
};

}  // namespace streamline
