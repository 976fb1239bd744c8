#include "mailbox.h"

namespace streamline {

Mailbox::Mailbox(napi_env env) : self_(std::make_shared<Mailbox*>(this)) {
  napi_value name = string(env, "streamline-kafka");
  auto* context = new std::shared_ptr<Mailbox*>(self_);
  const auto drop = [](napi_env, void* data, void*) { delete static_cast<std::shared_ptr<Mailbox*>*>(data); };
  must(napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, context, drop, context, deliver, &function_));
}

void Mailbox::post(Letter letter) {
  std::lock_guard<std::mutex> lock(mutex_);
  if (closed_) return;
  letters_.push_back(std::move(letter));
  if (scheduled_) return;
  scheduled_ = true;
  // Refused only while the environment goes away.
  napi_call_threadsafe_function(function_, nullptr, napi_tsfn_nonblocking);
}

void Mailbox::close() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (closed_) return;
    closed_ = true;
    letters_.clear();
  }
  *self_ = nullptr;
  napi_release_threadsafe_function(function_, napi_tsfn_abort);
}

void Mailbox::deliver(napi_env env, napi_value, void* context, void*) {
  // The environment is gone, and the context with it: Node finalizes the function before it drops what was not delivered.
  if (env == nullptr) return;
  auto self = *static_cast<std::shared_ptr<Mailbox*>*>(context);
  if (*self == nullptr) return;
  std::vector<Letter> letters;
  {
    std::lock_guard<std::mutex> lock((*self)->mutex_);
    letters.swap((*self)->letters_);
    (*self)->scheduled_ = false;
  }
  for (Letter& letter : letters) {
    // A letter may close the mailbox and free its owner; those behind it were posted before and are delivered all the same.
    napi_handle_scope scope;
    must(napi_open_handle_scope(env, &scope));
    try {
      letter(env);
    } catch (const Unwind&) {
      // JavaScript is being stopped: nobody waits for these any more.
      napi_close_handle_scope(env, scope);
      return;
    }
    napi_close_handle_scope(env, scope);
    bool thrown = false;
    if (napi_is_exception_pending(env, &thrown) == napi_ok && thrown) {
      napi_value error;
      napi_get_and_clear_last_exception(env, &error);
      napi_fatal_exception(env, error);
    }
  }
}

}  // namespace streamline
