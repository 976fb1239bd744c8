#pragma once

#include <deque>
#include <vector>

#include "client.h"
#include "packed.h"

namespace streamline {

// One member of one consumer group on one topic. Fills packed batches that JavaScript hands in.
class Consumer : public Client {
 public:
  static napi_value define(napi_env env);

 private:
  Consumer(napi_env env, napi_value on_event) : Client(env, on_event) {}

  struct Poll {
    napi_deferred deferred;
    napi_ref buffer;
    Bytes bytes;
    size_t records_max;
    Instant deadline;
  };
  struct Taken {
    rd_kafka_message_t* message;
    rd_kafka_headers_t* headers;  // the message's; none when it has none
    size_t bytes;                 // in a packed batch
    size_t headers_bytes;
  };
  struct Run {
    int32_t partition;
    uint32_t records;
    uint32_t first_record;
    double first_offset;
    double last_offset;
    size_t bytes;
    size_t at;
    uint32_t index;
  };

  static napi_value js_new(napi_env env, napi_callback_info info);
  static napi_value js_subscribe(napi_env env, napi_callback_info info);
  static napi_value js_poll(napi_env env, napi_callback_info info);
  static napi_value js_assign(napi_env env, napi_callback_info info);
  static napi_value js_pause(napi_env env, napi_callback_info info);
  static napi_value js_seek(napi_env env, napi_callback_info info);
  static napi_value js_commit(napi_env env, napi_callback_info info);
  static napi_value js_look_up(napi_env env, napi_callback_info info);
  static napi_value js_high_offset(napi_env env, napi_callback_info info);
  static napi_value js_group_metadata(napi_env env, napi_callback_info info);

  Next step(Instant now, Instant* wake_at) override;
  void abandon_requests() override;
  bool left(Instant now, Instant* wake_at) override;
  void release() override;
  const char* thread_name() const override { return "kafka consumer"; }

  enum class Assignment { kAll = 0, kNone = 1, kAdd = 2, kRemove = 3 };
  void subscribe(napi_deferred deferred);
  void assign(napi_deferred deferred, Assignment how, const std::vector<int32_t>& partitions);
  void look_up(napi_deferred deferred, const std::vector<int32_t>& partitions, const std::vector<int64_t>& times, int timeout_ms);
  void seek(napi_deferred deferred, const std::vector<int32_t>& partitions, const std::vector<int64_t>& offsets);
  void commit(napi_deferred deferred, const std::vector<int32_t>& partitions, const std::vector<int64_t>& offsets);
  void answer_list(napi_deferred deferred, std::vector<double> list);
  void group_metadata(napi_deferred deferred);
  void serve_commits();
  static void on_rebalance(rd_kafka_t* rk, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t* list, void* self);
  void rebalanced(rd_kafka_resp_err_t code, const rd_kafka_topic_partition_list_t* list);

  rd_kafka_topic_partition_list_t* list_of(const std::vector<int32_t>& partitions) const;
  void pause(const std::vector<int32_t>& partitions, bool pause);
  size_t take(size_t records_max);
  void drop_taken();
  void drop_taken_of(int32_t partition);
  void answer_poll(double value);
  double pack();
  Run* run_of(int32_t partition);

  std::string topic_;
  rd_kafka_queue_t* queue_ = nullptr;
  rd_kafka_queue_t* commit_queue_ = nullptr;
  rd_kafka_queue_t* close_queue_ = nullptr;
  Instant leave_until_{};
  // Whose records are handed out, by partition.
  std::vector<bool> active_;
  std::vector<bool> paused_;
  std::optional<Poll> poll_;
  // Consumed and not handed out yet, in the order received.
  std::deque<Taken> taken_;
  std::vector<rd_kafka_message_t*> messages_;
  std::vector<Run> runs_;
  std::vector<napi_deferred> commits_;
};

}  // namespace streamline
