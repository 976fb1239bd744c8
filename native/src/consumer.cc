#include "consumer.h"

#include <algorithm>

namespace streamline {
namespace {

// A question to the cluster is asked for so long at most,
constexpr int kQuestionMsMost = 5000;
// in parts: a part holds the client's thread, and with it an ending environment.
constexpr int kQuestionPartMs = 1500;
constexpr int kSeekMs = 1500;
// A broker that does not answer keeps nobody from closing.
constexpr int kLeaveMs = 8000;
// At a time out of librdkafka's queue; a batch may be made of several.
constexpr size_t kTakeMost = 10'000;

bool holds(const std::vector<bool>& set, int32_t partition) {
  return partition >= 0 && static_cast<size_t>(partition) < set.size() && set[partition];
}

void put(std::vector<bool>* set, int32_t partition, bool in) {
  if (partition < 0) return;
  if (static_cast<size_t>(partition) >= set->size()) set->resize(partition + 1);
  (*set)[partition] = in;
}

napi_value empty_buffer(napi_env env) {
  napi_value buffer;
  must(napi_create_buffer(env, 0, nullptr, &buffer));
  return buffer;
}

size_t length_of(rd_kafka_headers_t* headers) {
  size_t bytes = 0;
  const char* name;
  const void* value;
  size_t size;
  for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; i += 1)
    bytes += 8 + std::strlen(name) + (value == nullptr ? 0 : size);
  return bytes;
}

uint8_t* write_headers(uint8_t* at, rd_kafka_headers_t* headers) {
  const char* name;
  const void* value;
  size_t size;
  for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; i += 1) {
    const size_t length = std::strlen(name);
    write_at(at, static_cast<uint32_t>(length));
    std::memcpy(at + 4, name, length);
    at += 4 + length;
    write_at(at, value == nullptr ? int32_t{-1} : static_cast<int32_t>(size));
    at += 4;
    if (value == nullptr) continue;
    std::memcpy(at, value, size);
    at += size;
  }
  return at;
}

}  // namespace

// ---- JavaScript's thread ------------------------------------------------------------------------------------------------------

napi_value Consumer::define(napi_env env) {
  return define_class(env, "Consumer", guarded<js_new>,
                      {{"subscribe", guarded<js_subscribe>},
                       {"poll", guarded<js_poll>},
                       {"assign", guarded<js_assign>},
                       {"pause", guarded<js_pause>},
                       {"seek", guarded<js_seek>},
                       {"commit", guarded<js_commit>},
                       {"lookUp", guarded<js_look_up>},
                       {"highOffset", guarded<js_high_offset>},
                       {"groupMetadata", guarded<js_group_metadata>}});
}

napi_value Consumer::js_new(napi_env env, napi_callback_info info) {
  Arguments<3> arguments(env, info);
  napi_valuetype type;
  must(napi_typeof(env, arguments[2], &type));
  std::string topic;
  if (!is_construction(env, info) || !as_string(env, arguments[1], &topic) || topic.empty() || type != napi_function)
    return throw_type(env, "new Consumer(properties: Record<string, string>, topic: string, onEvent: Function)");
  rd_kafka_conf_t* conf = configure(env, arguments[0], RD_KAFKA_EVENT_REBALANCE);
  if (conf == nullptr) return nullptr;
  size_t group_id_bytes = 0;
  rd_kafka_conf_get(conf, "group.id", nullptr, &group_id_bytes);
  if (group_id_bytes <= 1) {
    rd_kafka_conf_destroy(conf);
    return throw_type(env, "a consumer needs a group.id");
  }
  rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
  std::unique_ptr<Consumer> self(new Consumer(env, arguments[2]));
  self->topic_ = topic;
  if (!self->create(RD_KAFKA_CONSUMER, conf)) {
    self->discard();
    return nullptr;
  }
  self->queue_ = rd_kafka_queue_get_consumer(self->rk_);
  self->commit_queue_ = rd_kafka_queue_new(self->rk_);
  self->watch(self->queue_);
  self->watch(self->commit_queue_);
  adopt(env, arguments.self, std::move(self));
  return arguments.self;
}

napi_value Consumer::js_subscribe(napi_env env, napi_callback_info info) {
  Arguments<0> arguments(env, info);
  auto* self = static_cast<Consumer*>(of(env, arguments.self));
  if (self == nullptr) return nullptr;
  return self->promise([self](napi_deferred deferred) { self->subscribe(deferred); });
}

napi_value Consumer::js_poll(napi_env env, napi_callback_info info) {
  Arguments<3> arguments(env, info);
  auto* self = static_cast<Consumer*>(of(env, arguments.self));
  if (self == nullptr) return nullptr;
  Poll poll{};
  uint32_t records_max;
  double wait_ms;
  if (!as_shared_bytes(env, arguments[0], &poll.bytes) || !as_uint(env, arguments[1], &records_max) ||
      !did(napi_get_value_double(env, arguments[2], &wait_ms)) || records_max == 0)
    return throw_type(env, "poll(buffer: Uint8Array<SharedArrayBuffer>, recordsMax: number, waitMs: number)");
  // A batch says its length in 32 bits.
  poll.bytes.length = std::min<size_t>(poll.bytes.length, UINT32_MAX);
  must(napi_create_reference(env, arguments[0], 1, &poll.buffer));
  poll.records_max = records_max;
  poll.deadline = after_ms(wait_ms);
  napi_value promise;
  must(napi_create_promise(env, &poll.deferred, &promise));
  const bool taken = self->order([self, poll] {
    if (self->poll_) {
      self->tell([poll](napi_env env) {
        must(napi_delete_reference(env, poll.buffer));
        must(napi_resolve_deferred(env, poll.deferred, number(env, 0)));
      });
      return;
    }
    self->poll_ = poll;
  });
  if (!taken) {
    must(napi_delete_reference(env, poll.buffer));
    must(napi_resolve_deferred(env, poll.deferred, number(env, 0)));
  }
  return promise;
}

napi_value Consumer::js_assign(napi_env env, napi_callback_info info) {
  Arguments<2> arguments(env, info);
  auto* self = static_cast<Consumer*>(of(env, arguments.self));
  if (self == nullptr) return nullptr;
  int32_t how;
  std::vector<int32_t> partitions;
  if (!as_int(env, arguments[0], &how) || how < 0 || how > 3 || !as_partitions(env, arguments[1], &partitions))
    return throw_type(env, "assign(how: 0 | 1 | 2 | 3, partitions: Int32Array)");
  return self->promise([self, how, partitions](napi_deferred deferred) {
    self->assign(deferred, static_cast<Assignment>(how), partitions);
  });
}

napi_value Consumer::js_pause(napi_env env, napi_callback_info info) {
  Arguments<2> arguments(env, info);
  auto* self = static_cast<Consumer*>(of(env, arguments.self));
  if (self == nullptr) return nullptr;
  std::vector<int32_t> partitions;
  bool pause;
  if (!as_partitions(env, arguments[0], &partitions) || !as_bool(env, arguments[1], &pause))
    return throw_type(env, "pause(partitions: Int32Array, pause: boolean)");
  self->order([self, pause, partitions] { self->pause(partitions, pause); });
  return nullptr;
}

napi_value Consumer::js_seek(napi_env env, napi_callback_info info) {
  Arguments<2> arguments(env, info);
  auto* self = static_cast<Consumer*>(of(env, arguments.self));
  if (self == nullptr) return nullptr;
  std::vector<int32_t> partitions;
  std::vector<int64_t> offsets;
  if (!as_partitions(env, arguments[0], &partitions) || !as_whole_numbers(env, arguments[1], &offsets) ||
      partitions.size() != offsets.size())
    return throw_type(env, "seek(partitions: Int32Array, offsets: Float64Array)");
  return self->promise([self, partitions, offsets](napi_deferred deferred) {
    self->seek(deferred, partitions, offsets);
  });
}

napi_value Consumer::js_commit(napi_env env, napi_callback_info info) {
  Arguments<2> arguments(env, info);
  auto* self = static_cast<Consumer*>(of(env, arguments.self));
  if (self == nullptr) return nullptr;
  std::vector<int32_t> partitions;
  std::vector<int64_t> offsets;
  if (!as_partitions(env, arguments[0], &partitions) || !as_whole_numbers(env, arguments[1], &offsets) ||
      partitions.size() != offsets.size() || partitions.empty())
    return throw_type(env, "commit(partitions: Int32Array, offsets: Float64Array)");
  return self->promise([self, partitions, offsets](napi_deferred deferred) {
    self->commit(deferred, partitions, offsets);
  }, closed_list);
}

napi_value Consumer::js_look_up(napi_env env, napi_callback_info info) {
  Arguments<3> arguments(env, info);
  auto* self = static_cast<Consumer*>(of(env, arguments.self));
  if (self == nullptr) return nullptr;
  std::vector<int32_t> partitions;
  std::vector<int64_t> times;
  int32_t timeout_ms;
  const bool committed = is_nullish(env, arguments[1]);
  if (!as_partitions(env, arguments[0], &partitions) || (!committed && !as_whole_numbers(env, arguments[1], &times)) ||
      !as_int(env, arguments[2], &timeout_ms) || (!committed && times.size() != partitions.size()))
    return throw_type(env, "lookUp(partitions: Int32Array, timesMs: Float64Array | undefined, timeoutMs: number)");
  return self->promise([self, partitions, times, timeout_ms](napi_deferred deferred) {
    self->look_up(deferred, partitions, times, std::clamp(timeout_ms, 1, kQuestionMsMost));
  }, closed_list);
}

napi_value Consumer::js_high_offset(napi_env env, napi_callback_info info) {
  Arguments<1> arguments(env, info);
  auto* self = static_cast<Consumer*>(of(env, arguments.self));
  if (self == nullptr) return nullptr;
  int32_t partition;
  if (!as_int(env, arguments[0], &partition) || partition < 0) return throw_type(env, "highOffset(partition: number)");
  std::lock_guard<std::mutex> lock(self->handle_mutex_);
  if (self->rk_ == nullptr) return number(env, -1);
  int64_t low = -1;
  int64_t high = -1;
  // What the last fetch said: no question to the broker.
  rd_kafka_get_watermark_offsets(self->rk_, self->topic_.c_str(), partition, &low, &high);
  return number(env, static_cast<double>(high));
}

napi_value Consumer::js_group_metadata(napi_env env, napi_callback_info info) {
  Arguments<0> arguments(env, info);
  auto* self = static_cast<Consumer*>(of(env, arguments.self));
  if (self == nullptr) return nullptr;
  return self->promise([self](napi_deferred deferred) { self->group_metadata(deferred); }, empty_buffer);
}

// ---- the client's thread ------------------------------------------------------------------------------------------------------

Client::Next Consumer::step(Instant now, Instant* wake_at) {
  serve_commits();
  if (!poll_) return Next::kWait;
  for (;;) {
    const double packed = pack();
    if (packed != 0) {
      answer_poll(packed);
      return Next::kWait;
    }
    if (take(poll_->records_max) == 0) break;
  }
  // A rebalance that was served meanwhile has told JavaScript before this poll's answer does.
  if (now >= poll_->deadline) answer_poll(0);
  else *wake_at = std::min(*wake_at, poll_->deadline);
  return Next::kWait;
}

// Consumes what is there without waiting. Answers how many messages came, wanted or not.
size_t Consumer::take(size_t records_max) {
  messages_.resize(std::min(records_max, kTakeMost));
  const ssize_t count = rd_kafka_consume_batch_queue(queue_, 0, messages_.data(), messages_.size());
  for (ssize_t i = 0; i < count; i += 1) {
    rd_kafka_message_t* message = messages_[i];
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      const int code = message->err;
      const std::string text = rd_kafka_message_errstr(message);
      tell_event("error", [code, text](napi_env env, std::vector<napi_value>* values) {
        values->insert(values->end(), {number(env, code), string(env, text), boolean(env, false)});
      });
      rd_kafka_message_destroy(message);
      continue;
    }
    // I5: what a partition that was given up still has in the queue belongs to nobody here.
    if (!holds(active_, message->partition)) {
      rd_kafka_message_destroy(message);
      continue;
    }
    rd_kafka_headers_t* headers = nullptr;
    size_t headers_bytes = 0;
    if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) headers_bytes = length_of(headers);
    else headers = nullptr;
    const size_t bytes = align8(batch::kRecordHeaderBytes + message->key_len + message->len + headers_bytes);
    taken_.push_back({message, headers, bytes, headers_bytes});
  }
  return count < 0 ? 0 : static_cast<size_t>(count);
}

Consumer::Run* Consumer::run_of(int32_t partition) {
  for (Run& run : runs_)
    if (run.partition == partition) return &run;
  runs_.push_back({partition, 0, 0, -1, -1, 0, 0, 0});
  return &runs_.back();
}

// Packs what was taken and fits, grouped by partition. Answers the bytes of the batch, 0 when there is nothing, or less than 0: the
// bytes a buffer needs for the next record, negated.
double Consumer::pack() {
  runs_.clear();
  size_t count = 0;
  size_t record_bytes = 0;
  size_t seen = 0;
  size_t needed = 0;
  for (const Taken& taken : taken_) {
    if (count == poll_->records_max) break;
    const int32_t partition = taken.message->partition;
    if (holds(paused_, partition)) {
      seen += 1;
      continue;
    }
    const size_t runs_before = runs_.size();
    Run* run = run_of(partition);
    const size_t total = batch::prelude_bytes(count + 1, runs_.size()) + record_bytes + taken.bytes;
    // Offsets that go back within an assignment: JavaScript sees it by the next batch's first offset and gives up (I1).
    const bool back = run->records > 0 && taken.message->offset <= static_cast<int64_t>(run->last_offset);
    if (total > poll_->bytes.length || back) {
      if (runs_.size() > runs_before) runs_.pop_back();
      needed = total;
      break;
    }
    if (run->records == 0) run->first_offset = static_cast<double>(taken.message->offset);
    run->last_offset = static_cast<double>(taken.message->offset);
    run->records += 1;
    run->bytes += taken.bytes;
    record_bytes += taken.bytes;
    count += 1;
    seen += 1;
  }
  if (count == 0) return -static_cast<double>(needed);

  uint8_t* bytes = poll_->bytes.data;
  const size_t index_at = batch::kHeaderBytes + runs_.size() * batch::kSegmentBytes;
  size_t at = batch::prelude_bytes(count, runs_.size());
  const size_t byte_length = at + record_bytes;
  std::memset(bytes, 0, batch::kHeaderBytes);
  write_at(bytes, batch::kMagic);
  write_at(bytes + 4, static_cast<uint32_t>(count));
  write_at(bytes + 8, static_cast<uint32_t>(byte_length));
  write_at(bytes + 12, static_cast<uint32_t>(runs_.size()));
  uint32_t first_record = 0;
  uint8_t* segment = bytes + batch::kHeaderBytes;
  for (Run& run : runs_) {
    run.at = at;
    run.first_record = run.index = first_record;
    at += run.bytes;
    first_record += run.records;
    write_at(segment, run.partition);
    write_at(segment + 4, run.first_record);
    write_at(segment + 8, run.records);
    write_at(segment + 12, uint32_t{0});
    write_at(segment + 16, run.first_offset);
    write_at(segment + 24, run.last_offset);
    segment += batch::kSegmentBytes;
  }

  std::deque<Taken> rest;
  Run* run = &runs_.front();
  for (size_t i = 0; i < seen; i += 1) {
    const Taken taken = taken_.front();
    taken_.pop_front();
    rd_kafka_message_t* message = taken.message;
    if (holds(paused_, message->partition)) {
      rest.push_back(taken);
      continue;
    }
    if (run->partition != message->partition) run = run_of(message->partition);
    write_at(bytes + index_at + size_t{run->index} * 4, static_cast<uint32_t>(run->at));
    run->index += 1;
    uint8_t* record = bytes + run->at;
    run->at += taken.bytes;
    rd_kafka_timestamp_type_t stamp;
    const int64_t timestamp = rd_kafka_message_timestamp(message, &stamp);
    const bool has_key = message->key != nullptr;
    const bool has_value = message->payload != nullptr;
    write_at(record, static_cast<double>(message->offset));
    write_at(record + 8, stamp == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? -1.0 : static_cast<double>(timestamp));
    write_at(record + 16, message->partition);
    write_at(record + 20, has_value ? static_cast<int32_t>(message->len) : int32_t{-1});
    write_at(record + 24, static_cast<uint32_t>(taken.headers_bytes));
    write_at(record + 28, has_key ? static_cast<int32_t>(message->key_len) : int32_t{-1});
    uint8_t* body = record + batch::kRecordHeaderBytes;
    if (has_key) std::memcpy(body, message->key, message->key_len);
    body += message->key_len;
    if (has_value) std::memcpy(body, message->payload, message->len);
    body += message->len;
    if (taken.headers != nullptr) write_headers(body, taken.headers);
    rd_kafka_message_destroy(message);
  }
  // What rests goes back to the front: it came before what was not looked at.
  for (auto it = rest.rbegin(); it != rest.rend(); ++it) taken_.push_front(*it);
  return static_cast<double>(byte_length);
}

void Consumer::answer_poll(double value) {
  const Poll poll = *poll_;
  poll_.reset();
  tell([poll, value](napi_env env) {
    must(napi_delete_reference(env, poll.buffer));
    must(napi_resolve_deferred(env, poll.deferred, number(env, value)));
  });
}

void Consumer::drop_taken() {
  for (const Taken& taken : taken_) rd_kafka_message_destroy(taken.message);
  taken_.clear();
}

void Consumer::drop_taken_of(int32_t partition) {
  const auto theirs = [partition](const Taken& taken) {
    if (taken.message->partition != partition) return false;
    rd_kafka_message_destroy(taken.message);
    return true;
  };
  taken_.erase(std::remove_if(taken_.begin(), taken_.end(), theirs), taken_.end());
}

rd_kafka_topic_partition_list_t* Consumer::list_of(const std::vector<int32_t>& partitions) const {
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size()));
  for (int32_t partition : partitions) rd_kafka_topic_partition_list_add(list, topic_.c_str(), partition);
  return list;
}

void Consumer::subscribe(napi_deferred deferred) {
  rd_kafka_topic_partition_list_t* list = list_of({RD_KAFKA_PARTITION_UA});
  settle(deferred, rd_kafka_subscribe(rk_, list));
  rd_kafka_topic_partition_list_destroy(list);
}

// Within rd_kafka_consume_batch_queue, on the client's thread. librdkafka waits for `assign`.
void Consumer::on_rebalance(rd_kafka_t*, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t* list, void* self) {
  static_cast<Consumer*>(static_cast<Client*>(self))->rebalanced(code, list);
}

void Consumer::rebalanced(rd_kafka_resp_err_t code, const rd_kafka_topic_partition_list_t* list) {
  if (close_queue_ != nullptr) {
    rd_kafka_assign(rk_, nullptr);
    return;
  }
  std::vector<int32_t> partitions;
  for (int i = 0; i < list->cnt; i += 1) partitions.push_back(list->elems[i].partition);
  const bool lost = rd_kafka_assignment_lost(rk_) != 0;
  const char* protocol = rd_kafka_rebalance_protocol(rk_);
  if (code != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
    for (int32_t partition : partitions) {
      put(&active_, partition, false);
      drop_taken_of(partition);
    }
  }
  tell_event("rebalance", [code, lost, protocol = std::string(protocol == nullptr ? "" : protocol), partitions](
                              napi_env env, std::vector<napi_value>* values) {
    napi_value numbers = array(env);
    for (int32_t partition : partitions) push(env, numbers, number(env, partition));
    values->insert(values->end(),
                   {number(env, code), numbers, boolean(env, lost), string(env, protocol)});
  });
}

void Consumer::assign(napi_deferred deferred, Assignment how, const std::vector<int32_t>& partitions) {
  const bool gain = how == Assignment::kAll || how == Assignment::kAdd;
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
  rd_kafka_topic_partition_list_t* list = list_of(partitions);
  if (how == Assignment::kAll || how == Assignment::kNone) {
    active_.clear();
    drop_taken();
    code = rd_kafka_assign(rk_, how == Assignment::kAll ? list : nullptr);
  } else {
    rd_kafka_error_t* error =
        gain ? rd_kafka_incremental_assign(rk_, list) : rd_kafka_incremental_unassign(rk_, list);
    if (error != nullptr) {
      code = rd_kafka_error_code(error);
      rd_kafka_error_destroy(error);
    }
  }
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR && gain && !partitions.empty()) {
    // librdkafka remembers a pause across assignments; a partition that comes back is read.
    rd_kafka_resume_partitions(rk_, list);
    for (int32_t partition : partitions) put(&paused_, partition, false);
  }
  for (int32_t partition : partitions) {
    if (!gain || code == RD_KAFKA_RESP_ERR_NO_ERROR) put(&active_, partition, gain);
    if (!gain) drop_taken_of(partition);
  }
  rd_kafka_topic_partition_list_destroy(list);
  settle(deferred, code);
}

void Consumer::pause(const std::vector<int32_t>& partitions, bool pause) {
  std::vector<int32_t> held;
  for (int32_t partition : partitions)
    if (holds(active_, partition)) held.push_back(partition);
  if (held.empty()) return;
  rd_kafka_topic_partition_list_t* list = list_of(held);
  if (pause) rd_kafka_pause_partitions(rk_, list);
  else rd_kafka_resume_partitions(rk_, list);
  rd_kafka_topic_partition_list_destroy(list);
  for (int32_t partition : held) put(&paused_, partition, pause);
}

void Consumer::seek(napi_deferred deferred, const std::vector<int32_t>& partitions,
                    const std::vector<int64_t>& offsets) {
  rd_kafka_topic_partition_list_t* list = list_of(partitions);
  for (int i = 0; i < list->cnt; i += 1) list->elems[i].offset = offsets[i];
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
  // Waits until the fetchers have moved: nothing of before comes after it.
  rd_kafka_error_t* error = rd_kafka_seek_partitions(rk_, list, kSeekMs);
  if (error != nullptr) {
    code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
  }
  for (int i = 0; i < list->cnt; i += 1)
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) code = list->elems[i].err;
  rd_kafka_topic_partition_list_destroy(list);
  for (int32_t partition : partitions) drop_taken_of(partition);
  settle(deferred, code);
}

void Consumer::commit(napi_deferred deferred, const std::vector<int32_t>& partitions,
                      const std::vector<int64_t>& offsets) {
  rd_kafka_topic_partition_list_t* list = list_of(partitions);
  for (int i = 0; i < list->cnt; i += 1) list->elems[i].offset = offsets[i];
  const rd_kafka_resp_err_t code = rd_kafka_commit_queue(rk_, list, commit_queue_, nullptr, deferred);
  rd_kafka_topic_partition_list_destroy(list);
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) commits_.push_back(deferred);
  else answer_list(deferred, {static_cast<double>(code)});
}

void Consumer::serve_commits() {
  while (rd_kafka_event_t* event = rd_kafka_queue_poll(commit_queue_, 0)) {
    if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_OFFSET_COMMIT) {
      auto deferred = static_cast<napi_deferred>(rd_kafka_event_opaque(event));
      std::vector<double> answer{static_cast<double>(rd_kafka_event_error(event))};
      const rd_kafka_topic_partition_list_t* list = rd_kafka_event_topic_partition_list(event);
      for (int i = 0; list != nullptr && i < list->cnt; i += 1) {
        if (list->elems[i].err == RD_KAFKA_RESP_ERR_NO_ERROR) continue;
        answer.push_back(list->elems[i].partition);
        answer.push_back(list->elems[i].err);
      }
      commits_.erase(std::remove(commits_.begin(), commits_.end(), deferred), commits_.end());
      answer_list(deferred, answer);
    }
    rd_kafka_event_destroy(event);
  }
}

// Committed offsets, or the first ones at the given times: [code, partition, offset, ...]; -1 = none.
void Consumer::look_up(napi_deferred deferred, const std::vector<int32_t>& partitions, const std::vector<int64_t>& times,
                       int timeout_ms) {
  rd_kafka_topic_partition_list_t* list = list_of(partitions);
  rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
  for (int left_ms = timeout_ms; left_ms > 0 && !hasty(); left_ms -= kQuestionPartMs) {
    const int part_ms = std::min(left_ms, kQuestionPartMs);
    if (times.empty()) {
      code = rd_kafka_committed(rk_, list, part_ms);
    } else {
      for (int i = 0; i < list->cnt; i += 1) list->elems[i].offset = times[i];
      code = rd_kafka_offsets_for_times(rk_, list, part_ms);
    }
    if (code != RD_KAFKA_RESP_ERR__TIMED_OUT) break;
  }
  std::vector<double> answer{static_cast<double>(code)};
  for (int i = 0; i < list->cnt; i += 1) {
    const rd_kafka_topic_partition_t& element = list->elems[i];
    const bool known = element.err == RD_KAFKA_RESP_ERR_NO_ERROR && element.offset >= 0;
    answer.push_back(element.partition);
    answer.push_back(known ? static_cast<double>(element.offset) : -1);
  }
  rd_kafka_topic_partition_list_destroy(list);
  answer_list(deferred, answer);
}

void Consumer::answer_list(napi_deferred deferred, std::vector<double> list) {
  tell([deferred, list = std::move(list)](napi_env env) {
    napi_value values = array(env);
    for (double value : list) push(env, values, number(env, value));
    must(napi_resolve_deferred(env, deferred, values));
  });
}

// What a transaction needs to commit this member's offsets: the member's id and generation, by which a zombie is fenced (I4).
void Consumer::group_metadata(napi_deferred deferred) {
  std::string bytes;
  rd_kafka_consumer_group_metadata_t* metadata = rd_kafka_consumer_group_metadata(rk_);
  if (metadata != nullptr) {
    void* buffer = nullptr;
    size_t size = 0;
    rd_kafka_error_t* error = rd_kafka_consumer_group_metadata_write(metadata, &buffer, &size);
    if (error == nullptr) bytes.assign(static_cast<char*>(buffer), size);
    else rd_kafka_error_destroy(error);
    if (buffer != nullptr) rd_kafka_mem_free(nullptr, buffer);
    rd_kafka_consumer_group_metadata_destroy(metadata);
  }
  tell([deferred, bytes](napi_env env) {
    napi_value buffer;
    must(napi_create_buffer_copy(env, bytes.size(), bytes.data(), nullptr, &buffer));
    must(napi_resolve_deferred(env, deferred, buffer));
  });
}

void Consumer::abandon_requests() {
  if (poll_) answer_poll(0);
  for (napi_deferred deferred : commits_) answer_list(deferred, {static_cast<double>(RD_KAFKA_RESP_ERR__DESTROY)});
  commits_.clear();
}

// Leaves the group, served in steps so that an environment that ends does not wait for a broker that does not answer.
bool Consumer::left(Instant now, Instant* wake_at) {
  if (close_queue_ == nullptr) {
    leave_until_ = now + std::chrono::milliseconds(kLeaveMs);
    close_queue_ = rd_kafka_queue_new(rk_);
    watch(close_queue_);
    // Answers a rebalance that JavaScript has not.
    rd_kafka_assign(rk_, nullptr);
    rd_kafka_error_t* error = rd_kafka_consumer_close_queue(rk_, close_queue_);
    if (error != nullptr) rd_kafka_error_destroy(error);
  }
  messages_.resize(100);
  for (;;) {
    const ssize_t count = rd_kafka_consume_batch_queue(close_queue_, 0, messages_.data(), messages_.size());
    for (ssize_t i = 0; i < count; i += 1) rd_kafka_message_destroy(messages_[i]);
    if (count <= 0) break;
  }
  if (rd_kafka_consumer_closed(rk_) != 0 || now >= leave_until_) return true;
  *wake_at = std::min(*wake_at, after_ms(20));
  return false;
}

void Consumer::release() {
  drop_taken();
  for (rd_kafka_queue_t* queue : {queue_, commit_queue_, close_queue_}) {
    if (queue == nullptr) continue;
    rd_kafka_queue_cb_event_enable(queue, nullptr, nullptr);
    rd_kafka_queue_destroy(queue);
  }
}

}  // namespace streamline
