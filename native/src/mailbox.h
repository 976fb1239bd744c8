// From a native thread to JavaScript: letters in order, many in one turn of the event loop.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "napi.h"

namespace streamline {

// What JavaScript is told, run on its thread within a handle scope.
using Letter = std::function<void(napi_env)>;

class Mailbox {
 public:
  // JavaScript's thread. Keeps the event loop alive until `close`.
  explicit Mailbox(napi_env env);
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // Any thread.
  void post(Letter letter);
  // JavaScript's thread: what is posted from now on, or was not delivered yet, is dropped.
  void close();

 private:
  static void deliver(napi_env env, napi_value, void* context, void*);

  std::mutex mutex_;
  std::vector<Letter> letters_;
  bool scheduled_ = false;
  bool closed_ = false;
  napi_threadsafe_function function_ = nullptr;
  // The function's own context outlives it: a delivery may be under way when the owner closes.
  std::shared_ptr<Mailbox*> self_;
};

}  // namespace streamline
