#include "producer.h"

#include <algorithm>
#include <cstdlib>

namespace streamline {
namespace {

// Between two looks at the delivery reports.
constexpr size_t kRecordsPerStep = 1000;
/*
 * Bursts. An idempotent librdkafka keeps one request a partition on its way, and its broker thread spins (poll with no timeout) while
 * that one is unanswered and records behind it are older than linger.ms. So records are handed over in bursts: while one fills, which is
 * for most of linger.ms, then not until it is acknowledged. At low rates nothing waits, at high rates batches grow by themselves.
 * One partition without a leader must not hold up the others: when it takes several times as long as usual the next burst begins.
 */
constexpr double kFillShare = 0.8;
// Less than this in so long is no burst, about 50,000 records a second: what spinning is left then costs less than waiting.
constexpr size_t kLightBytes = 64 * 1024;
constexpr int kLightMs = 5;
constexpr double kHoldMsLeast = 25;
constexpr double kHoldMsMost = 1000;
constexpr double kHoldTimes = 4;
constexpr double kSmoothing = 0.1;
// Of batch.size, which counts a record a little higher: a burst for a single partition is one request too. One that spreads over several
// may be as many times larger, up to so many.
constexpr double kBurstShare = 0.9;
constexpr int kBurstPartitionsMost = 4;

// librdkafka keeps a handle for each topic it ever wrote to; a name beyond these is refused.
constexpr size_t kTopicsMax = 10'000;
// A full queue is looked at again so often even when no report woke us.
constexpr int kFullMs = 50;
// A closing client waits for a transaction's call that long.
constexpr int kPartMs = 2000;

static_assert(sizeof(void*) == 8, "a message's opaque holds a job's slot and where its entry begins");

// Positions in the results come as 32 bits (`ranges`). The record's index would not do: a record may have several outputs.
void* opaque_of(uint32_t slot, size_t entry_at) {
  return reinterpret_cast<void*>((static_cast<uintptr_t>(slot) + 1) << 32 | static_cast<uint32_t>(entry_at));
}

double property(rd_kafka_t* rk, const char* name) {
  char text[32] = "0";
  size_t size = sizeof text;
  rd_kafka_conf_get(rd_kafka_conf(rk), name, text, &size);
  return std::atof(text);
}

}  // namespace

// One thread for calls that wait: each is a question to the cluster with a bound of its own, asked in parts so that a closing client
// does not wait for all of it. librdkafka lets a call that ran out of time be made again to go on with it.
class Producer::Transactions {
 public:
  explicit Transactions(Producer* producer) : producer_(producer) {
    SignalsBlocked blocked;
    thread_ = std::thread([this] { main(); });
  }
  ~Transactions() { stop(); }

  using Call = std::function<rd_kafka_error_t*(rd_kafka_t*, int part_ms)>;

  void order(napi_deferred deferred, Call call, Instant deadline) {
    std::lock_guard<std::mutex> lock(mutex_);
    calls_.push_back({deferred, std::move(call), deadline});
    wake_.notify_one();
  }

  // What waits is refused, what is under way ends with its part.
  void refuse() {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    wake_.notify_one();
  }

  void stop() {
    refuse();
    if (thread_.joinable()) thread_.join();
  }

  bool is_idle() {
    std::lock_guard<std::mutex> lock(mutex_);
    return calls_.empty() && !busy_;
  }

 private:
  struct Entry {
    napi_deferred deferred;
    Call call;
    Instant deadline;
  };

  rd_kafka_error_t* make(const Entry& entry) {
    for (;;) {
      const Instant now = SteadyClock::now();
      const Instant part_end = std::min(entry.deadline, now + std::chrono::milliseconds(kPartMs));
      const auto part_ms = std::chrono::duration_cast<std::chrono::milliseconds>(part_end - now).count();
      rd_kafka_error_t* error = entry.call(producer_->rk_, static_cast<int>(std::max<int64_t>(part_ms, 1)));
      const bool out_of_time = error != nullptr && rd_kafka_error_is_retriable(error) != 0 && SteadyClock::now() >= part_end;
      if (!out_of_time || part_end >= entry.deadline || stopping_) return error;
      rd_kafka_error_destroy(error);
    }
  }

  void main() {
    std::unique_lock<std::mutex> lock(mutex_);
    for (;;) {
      wake_.wait(lock, [this] { return stopping_ || !calls_.empty(); });
      if (calls_.empty()) return;
      Entry entry = std::move(calls_.front());
      calls_.pop_front();
      busy_ = true;
      const bool refuse = stopping_;
      lock.unlock();
      if (refuse) answer(entry.deferred, nullptr, RD_KAFKA_RESP_ERR__DESTROY);
      else answer(entry.deferred, make(entry), RD_KAFKA_RESP_ERR_NO_ERROR);
      lock.lock();
      busy_ = false;
    }
  }

  // [code, message, fatal, retriable, abort required]
  void answer(napi_deferred deferred, rd_kafka_error_t* error, int code) {
    std::string message;
    bool fatal = false;
    bool retriable = false;
    bool abort = false;
    if (error != nullptr) {
      code = rd_kafka_error_code(error);
      message = rd_kafka_error_string(error);
      fatal = rd_kafka_error_is_fatal(error) != 0;
      retriable = rd_kafka_error_is_retriable(error) != 0;
      abort = rd_kafka_error_txn_requires_abort(error) != 0;
      rd_kafka_error_destroy(error);
    }
    producer_->tell([=](napi_env env) {
      napi_value values = array(env);
      push(env, values, number(env, code));
      push(env, values, string(env, message));
      for (bool flag : {fatal, retriable, abort}) push(env, values, boolean(env, flag));
      must(napi_resolve_deferred(env, deferred, values));
    });
  }

  Producer* producer_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Entry> calls_;
  std::atomic<bool> stopping_{false};
  bool busy_ = false;
  std::thread thread_;
};

Producer::Producer(napi_env env, napi_value on_event) : Client(env, on_event) {}
Producer::~Producer() = default;

// ---- JavaScript's thread ------------------------------------------------------------------------------------------------------

napi_value Producer::define(napi_env env) {
  return define_class(env, "Producer", guarded<js_new>,
                      {{"produce", guarded<js_produce>},
                       {"purge", guarded<js_purge>},
                       {"transaction", guarded<js_transaction>}});
}

napi_value Producer::js_new(napi_env env, napi_callback_info info) {
  Arguments<2> arguments(env, info);
  napi_valuetype type;
  must(napi_typeof(env, arguments[1], &type));
  if (!is_construction(env, info) || type != napi_function)
    return throw_type(env, "new Producer(properties: Record<string, string>, onEvent: Function)");
  rd_kafka_conf_t* conf = configure(env, arguments[0], RD_KAFKA_EVENT_DR);
  if (conf == nullptr) return nullptr;
  size_t id_bytes = 0;
  const bool transactional =
      rd_kafka_conf_get(conf, "transactional.id", nullptr, &id_bytes) == RD_KAFKA_CONF_OK && id_bytes > 1;
  std::unique_ptr<Producer> self(new Producer(env, arguments[1]));
  if (!self->create(RD_KAFKA_PRODUCER, conf)) {
    self->discard();
    return nullptr;
  }
  const double linger_ms = property(self->rk_, "linger.ms");
  self->fill_ = std::chrono::microseconds(static_cast<int64_t>(linger_ms * 1000 * kFillShare));
  self->partition_bytes_max_ = static_cast<size_t>(property(self->rk_, "batch.size") * kBurstShare);
  self->burst_bytes_max_ = self->partition_bytes_max_;
  if (transactional) self->transactions_ = std::make_unique<Transactions>(self.get());
  adopt(env, arguments.self, std::move(self));
  return arguments.self;
}

napi_value Producer::js_produce(napi_env env, napi_callback_info info) {
  static const char* const usage =
      "produce(batch: Uint8Array, results: Uint8Array, ranges: Uint32Array, topics: string[], defaultTopic: string | undefined, "
      "inputTimestamp: boolean, ended: Int32Array, stampName?: string, stampValue?: string), on shared memory";
  Arguments<9> arguments(env, info);
  auto* self = static_cast<Producer*>(of(env, arguments.self));
  if (self == nullptr) return nullptr;
  auto job = std::make_shared<Job>();
  View<uint32_t> ranges;
  View<int32_t> ended;
  uint32_t topic_count = 0;
  if (!as_shared_bytes(env, arguments[0], &job->batch) || !as_shared_bytes(env, arguments[1], &job->results) ||
      !as_uint32s(env, arguments[2], &ranges) || (ranges.length & 1) != 0 ||
      !did(napi_get_array_length(env, arguments[3], &topic_count)) ||
      (!is_nullish(env, arguments[4]) && !as_string(env, arguments[4], &job->default_topic)) ||
      !as_bool(env, arguments[5], &job->input_timestamp) || !as_int32s(env, arguments[6], &ended) || ended.length == 0 ||
      !is_shared(env, arguments[6]) || (!is_nullish(env, arguments[7]) && !as_string(env, arguments[7], &job->stamp_name)) ||
      (!is_nullish(env, arguments[8]) && !as_string(env, arguments[8], &job->stamp_value)))
    return throw_type(env, usage);
  for (uint32_t i = 0; i < topic_count; i += 1) {
    napi_value name;
    std::string text;
    must(napi_get_element(env, arguments[3], i, &name));
    if (!as_string(env, name, &text)) return throw_type(env, usage);
    job->topics.push_back(text);
  }
  job->ranges = ranges.copy();
  for (size_t i = 0; i < job->ranges.size(); i += 2)
    if (job->ranges[i] > job->ranges[i + 1] || job->ranges[i + 1] > job->results.length)
      return throw_type(env, "produce: a range past its buffer");
  job->ended = ended.data;
  napi_value keep = array(env);
  for (size_t i : {0, 1, 6}) push(env, keep, arguments[i]);
  must(napi_create_reference(env, keep, 1, &job->buffers));
  napi_value promise;
  must(napi_create_promise(env, &job->deferred, &promise));
  const bool taken = self->order([self, job] { self->enqueue(std::make_unique<Job>(std::move(*job))); });
  if (!taken) {
    must(napi_delete_reference(env, job->buffers));
    must(napi_resolve_deferred(env, job->deferred, closed_list(env)));
  }
  return promise;
}

napi_value Producer::js_purge(napi_env env, napi_callback_info info) {
  Arguments<0> arguments(env, info);
  auto* self = static_cast<Producer*>(of(env, arguments.self));
  if (self == nullptr) return nullptr;
  return self->promise([self](napi_deferred deferred) {
    self->abandon_requests();
    self->settle(deferred, 0);
  });
}

napi_value Producer::js_transaction(napi_env env, napi_callback_info info) {
  static const char* const usage =
      "transaction(step: 'init' | 'begin' | 'offsets' | 'commit' | 'abort', timeoutMs: number, topic?: string, "
      "partitions?: Int32Array, offsets?: Float64Array, groupMetadata?: Uint8Array)";
  Arguments<6> arguments(env, info);
  auto* self = static_cast<Producer*>(of(env, arguments.self));
  if (self == nullptr) return nullptr;
  std::string what;
  int32_t timeout_ms;
  if (!as_string(env, arguments[0], &what) || !as_int(env, arguments[1], &timeout_ms)) return throw_type(env, usage);
  Transactions::Call call;
  if (what == "init") {
    call = rd_kafka_init_transactions;
  } else if (what == "begin") {
    call = [](rd_kafka_t* rk, int) { return rd_kafka_begin_transaction(rk); };
  } else if (what == "commit") {
    call = rd_kafka_commit_transaction;
  } else if (what == "abort") {
    call = rd_kafka_abort_transaction;
  } else if (what == "offsets") {
    std::string topic;
    std::vector<int32_t> partitions;
    std::vector<int64_t> offsets;
    std::vector<uint8_t> member;
    if (!as_string(env, arguments[2], &topic) || !as_partitions(env, arguments[3], &partitions) ||
        !as_whole_numbers(env, arguments[4], &offsets) || !as_bytes(env, arguments[5], &member) ||
        partitions.size() != offsets.size())
      return throw_type(env, usage);
    call = [=](rd_kafka_t* rk, int part_ms) -> rd_kafka_error_t* {
      rd_kafka_consumer_group_metadata_t* group = nullptr;
      rd_kafka_error_t* error = rd_kafka_consumer_group_metadata_read(&group, member.data(), member.size());
      if (error != nullptr) return error;
      auto* positions = rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size()));
      for (size_t i = 0; i < partitions.size(); i += 1)
        rd_kafka_topic_partition_list_add(positions, topic.c_str(), partitions[i])->offset = offsets[i];
      error = rd_kafka_send_offsets_to_transaction(rk, positions, group, part_ms);
      rd_kafka_topic_partition_list_destroy(positions);
      rd_kafka_consumer_group_metadata_destroy(group);
      return error;
    };
  } else {
    return throw_type(env, usage);
  }
  if (self->transactions_ == nullptr) return throw_type(env, "the producer has no transactional.id");
  // By the client's thread: its end waits for the calls handed on before.
  return self->promise(
      [self, call, timeout_ms](napi_deferred deferred) {
        self->transactions_->order(deferred, call, after_ms(timeout_ms));
      },
      closed_list);
}

// ---- the client's thread ------------------------------------------------------------------------------------------------------

void Producer::enqueue(std::unique_ptr<Job> job) {
  job->corrupt = !job->view.open(job->batch.data, job->batch.length);
  if (!job->ranges.empty()) job->at = job->ranges[0];
  job->handles.assign(job->topics.size() + 1, nullptr);
  if (free_slots_.empty()) {
    job->slot = static_cast<uint32_t>(slots_.size());
    slots_.push_back(job.get());
  } else {
    job->slot = free_slots_.back();
    free_slots_.pop_back();
    slots_[job->slot] = job.get();
  }
  waiting_.push_back(std::move(job));
}

Client::Next Producer::step(Instant now, Instant* wake_at) {
  size_t budget = kRecordsPerStep;
  while (!waiting_.empty()) {
    if (!may_send(now, wake_at)) return Next::kWait;
    const Sent sent = send(waiting_.front().get(), &budget);
    if (sent == Sent::kFull) {
      // Back-pressure: room comes with delivery reports, which wake us.
      *wake_at = std::min(*wake_at, now + std::chrono::milliseconds(kFullMs));
      return Next::kWait;
    }
    if (sent == Sent::kSome) return Next::kAgain;
    std::unique_ptr<Job> job = std::move(waiting_.front());
    waiting_.pop_front();
    Job* raw = job.get();
    sent_.emplace(raw->slot, std::move(job));
    if (raw->outstanding == 0) finish(raw);
  }
  return Next::kWait;
}

bool Producer::may_send(Instant now, Instant* wake_at) {
  const double hold_ms = std::clamp(acknowledged_ms_ * kHoldTimes, kHoldMsLeast, kHoldMsMost);
  const Instant hold_until = burst_began_ + std::chrono::microseconds(static_cast<int64_t>(hold_ms * 1000));
  if (outstanding_ == 0 || now >= hold_until) {
    if (outstanding_ == 0) window_began_ = now;
    burst_began_ = now;
    burst_bytes_ = 0;
    burst_bytes_max_ = partition_bytes_max_ * static_cast<size_t>(std::clamp(__builtin_popcountll(partitions_), 1, kBurstPartitionsMost));
    partitions_ = 0;
    return true;
  }
  if (burst_bytes_ < kLightBytes) {
    // Few enough to go on at once: nothing waits at low rates.
    if (now - burst_began_ > std::chrono::milliseconds(kLightMs)) {
      burst_began_ = now;
      burst_bytes_ = 0;
    }
    return true;
  }
  if (now - burst_began_ < fill_ && burst_bytes_ < burst_bytes_max_) return true;
  *wake_at = std::min(*wake_at, hold_until);
  return false;
}

Producer::Sent Producer::send(Job* job, size_t* budget) {
  while (!job->corrupt && !job->dropped && job->range < job->ranges.size()) {
    const size_t end = job->ranges[job->range + 1];
    while (job->at < end) {
      if (*budget == 0 || burst_bytes_ >= burst_bytes_max_) return Sent::kSome;
      // I5: what waited here until its partition went to someone else is theirs to produce.
      if (__atomic_load_n(job->ended, __ATOMIC_ACQUIRE) != 0) {
        job->dropped = true;
        return Sent::kAll;
      }
      size_t next = job->at;
      Output output;
      const EntryKind kind = read_entry(job->results.data, end, &next, job->view, &output);
      if (kind == EntryKind::kCorrupt) {
        job->corrupt = true;
        return Sent::kAll;
      }
      if (kind == EntryKind::kOutput) {
        const rd_kafka_resp_err_t code = send_one(job, output);
        if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) return Sent::kFull;
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
          job->outstanding += 1;
          outstanding_ += 1;
          burst_bytes_ += output.key.length + output.value.length + output.headers.length + job->stamp_name.size() +
                          job->stamp_value.size();
        } else {
          job->failures.push_back({static_cast<uint32_t>(job->at), code, false});
        }
        *budget -= 1;
      }
      job->at = next;
    }
    job->range += 2;
    if (job->range < job->ranges.size()) job->at = job->ranges[job->range];
  }
  return Sent::kAll;
}

rd_kafka_resp_err_t Producer::send_one(Job* job, const Output& output) {
  rd_kafka_topic_t* to = topic(job, output.topic);
  if (to == nullptr) return RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
  rd_kafka_headers_t* headers = nullptr;
  if (output.headers.length > 0 || !job->stamp_name.empty()) {
    headers = rd_kafka_headers_new(8);
    HeaderCursor cursor(output.headers);
    Part name;
    Part value;
    while (cursor.next(&name, &value))
      rd_kafka_header_add(headers, reinterpret_cast<const char*>(name.data), static_cast<ssize_t>(name.length),
                          value.data, static_cast<ssize_t>(value.length));
    if (cursor.corrupt()) {
      rd_kafka_headers_destroy(headers);
      return RD_KAFKA_RESP_ERR__BAD_MSG;
    }
    if (!job->stamp_name.empty())
      rd_kafka_header_add(headers, job->stamp_name.data(), static_cast<ssize_t>(job->stamp_name.size()),
                          job->stamp_value.data(), static_cast<ssize_t>(job->stamp_value.size()));
  }
  // 0 means now; what is not after 1970 can't be carried over.
  const bool carried = job->input_timestamp && output.timestamp_ms > 0 && output.timestamp_ms <= kWholeMost;
  const int64_t timestamp = carried ? static_cast<int64_t>(output.timestamp_ms) : 0;
  void* key = const_cast<uint8_t*>(output.key.data);
  void* value = const_cast<uint8_t*>(output.value.data);
  void* opaque = opaque_of(job->slot, job->at);
  const auto code =
      headers == nullptr
          ? rd_kafka_producev(rk_, RD_KAFKA_V_RKT(to), RD_KAFKA_V_PARTITION(output.partition),
                              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_VALUE(value, output.value.length),
                              RD_KAFKA_V_KEY(key, output.key.length), RD_KAFKA_V_TIMESTAMP(timestamp),
                              RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_END)
          : rd_kafka_producev(rk_, RD_KAFKA_V_RKT(to), RD_KAFKA_V_PARTITION(output.partition),
                              RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_VALUE(value, output.value.length),
                              RD_KAFKA_V_KEY(key, output.key.length), RD_KAFKA_V_TIMESTAMP(timestamp),
                              RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
  // The headers are librdkafka's once it took the message.
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR && headers != nullptr) rd_kafka_headers_destroy(headers);
  return code;
}

// The handle of the topic an entry names; none when neither it nor the spec names one.
rd_kafka_topic_t* Producer::topic(Job* job, uint16_t index) {
  const bool by_default = index == result::kDefaultTopic;
  if (!by_default && index >= job->topics.size()) return nullptr;
  rd_kafka_topic_t*& handle = job->handles[by_default ? job->topics.size() : index];
  if (handle != nullptr) return handle;
  const std::string& name = by_default ? job->default_topic : job->topics[index];
  if (name.empty()) return nullptr;
  const auto known = topics_.find(name);
  if (known != topics_.end()) return handle = known->second;
  if (topics_.size() >= kTopicsMax) return nullptr;
  handle = rd_kafka_topic_new(rk_, name.c_str(), nullptr);
  if (handle != nullptr) topics_.emplace(name, handle);
  return handle;
}

void Producer::on_queue_event(rd_kafka_event_t* event) {
  if (rd_kafka_event_type(event) != RD_KAFKA_EVENT_DR) return;
  while (const rd_kafka_message_t* message = rd_kafka_event_message_next(event)) {
    const auto opaque = reinterpret_cast<uintptr_t>(message->_private);
    Job* job = slots_[static_cast<uint32_t>(opaque >> 32) - 1];
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
      job->failures.push_back({static_cast<uint32_t>(opaque), message->err, true});
    if (message->partition >= 0) partitions_ |= 1ULL << (message->partition & 63);
    job->outstanding -= 1;
    outstanding_ -= 1;
    if (outstanding_ == 0) {
      const std::chrono::duration<double, std::milli> took = SteadyClock::now() - window_began_;
      acknowledged_ms_ += (took.count() - acknowledged_ms_) * kSmoothing;
    }
    if (job->outstanding == 0 && sent_.count(job->slot) != 0) finish(job);
  }
}

void Producer::finish(Job* job) {
  const auto found = sent_.find(job->slot);
  std::unique_ptr<Job> owned = std::move(found->second);
  sent_.erase(found);
  slots_[owned->slot] = nullptr;
  free_slots_.push_back(owned->slot);
  settle_job(std::move(owned));
}

// Answers undefined, or [code, entry, code, reported, ...]: a code when the job as a whole failed, 0 when single outputs did.
void Producer::settle_job(std::unique_ptr<Job> job) {
  tell([deferred = job->deferred, buffers = job->buffers, corrupt = job->corrupt,
        failures = std::move(job->failures)](napi_env env) {
    must(napi_delete_reference(env, buffers));
    napi_value answer = undefined(env);
    if (corrupt || !failures.empty()) {
      answer = array(env);
      push(env, answer, number(env, corrupt ? static_cast<double>(RD_KAFKA_RESP_ERR__BAD_MSG) : 0.0));
      for (const Failure& failure : failures) {
        push(env, answer, number(env, failure.entry_at));
        push(env, answer, number(env, failure.code));
        push(env, answer, number(env, failure.reported ? 1 : 0));
      }
    }
    must(napi_resolve_deferred(env, deferred, answer));
  });
}

// Nothing waits or is under way any more: reports that say so come for all of it.
void Producer::abandon_requests() {
  while (!waiting_.empty()) {
    std::unique_ptr<Job> job = std::move(waiting_.front());
    waiting_.pop_front();
    job->dropped = true;
    Job* raw = job.get();
    // Of what was not sent nothing is known but that it was not.
    if (raw->failures.empty())
      raw->failures.push_back({raw->ranges.empty() ? 0 : raw->ranges[0], RD_KAFKA_RESP_ERR__PURGE_QUEUE, false});
    sent_.emplace(raw->slot, std::move(job));
    if (raw->outstanding == 0) finish(raw);
  }
  if (!sent_.empty()) rd_kafka_purge(rk_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
}

bool Producer::left(Instant, Instant* wake_at) {
  *wake_at = std::min(*wake_at, after_ms(20));
  if (transactions_ != nullptr) transactions_->refuse();
  if (!sent_.empty()) return false;
  return transactions_ == nullptr || transactions_->is_idle();
}

void Producer::release() {
  // A transaction call that waits for reports would wait for its whole time: they were purged, collect them.
  if (transactions_ != nullptr) {
    transactions_->refuse();
    rd_kafka_purge(rk_, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
    while (!transactions_->is_idle()) {
      serve_main_queue();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    transactions_->stop();
  }
  serve_main_queue();
  for (auto& [name, handle] : topics_) rd_kafka_topic_destroy(handle);
  topics_.clear();
}

}  // namespace streamline
