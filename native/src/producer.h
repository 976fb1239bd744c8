#pragma once

#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "client.h"
#include "packed.h"

namespace streamline {

// Produces packed results in order, and says of each job when the cluster has all of it.
class Producer : public Client {
 public:
  static napi_value define(napi_env env);
  ~Producer() override;

 private:
  Producer(napi_env env, napi_value on_event);

  static napi_value js_new(napi_env env, napi_callback_info info);
  static napi_value js_produce(napi_env env, napi_callback_info info);
  static napi_value js_purge(napi_env env, napi_callback_info info);
  static napi_value js_transaction(napi_env env, napi_callback_info info);

  Next step(Instant now, Instant* wake_at) override;
  void abandon_requests() override;
  bool left(Instant now, Instant* wake_at) override;
  void release() override;
  const char* thread_name() const override { return "kafka producer"; }
  void on_queue_event(rd_kafka_event_t* event) override;

  struct Failure {
    uint32_t entry_at;  // where the output's entry begins in the results
    int code;
    bool reported;  // by a delivery report; else librdkafka did not take it at all
  };
  // One call of `produce`. Its buffers stay where they are until its promise is settled.
  struct Job {
    napi_deferred deferred;
    napi_ref buffers;
    Bytes batch;
    Bytes results;
    std::vector<uint32_t> ranges;  // start, end, start, end, ...
    std::vector<std::string> topics;
    std::string default_topic;
    bool input_timestamp;
    // A header behind the output's own; no name, none.
    std::string stamp_name;
    std::string stamp_value;
    const int32_t* ended;  // I5: not 0 once the assignment is over

    BatchView view;
    size_t range = 0;
    size_t at = 0;
    std::vector<rd_kafka_topic_t*> handles;  // by topic index; the default topic's last
    uint32_t slot = 0;
    size_t outstanding = 0;
    bool corrupt = false;
    bool dropped = false;
    std::vector<Failure> failures;
  };
  enum class Sent { kAll, kSome, kFull };

  bool may_send(Instant now, Instant* wake_at);

  void enqueue(std::unique_ptr<Job> job);
  Sent send(Job* job, size_t* budget);
  rd_kafka_resp_err_t send_one(Job* job, const Output& output);
  rd_kafka_topic_t* topic(Job* job, uint16_t index);
  void finish(Job* job);
  void settle_job(std::unique_ptr<Job> job);

  // Waiting for room, in order; the first may be half sent.
  std::deque<std::unique_ptr<Job>> waiting_;
  // All sent, not all acknowledged, by slot. The first in `waiting_` has a slot too.
  std::vector<Job*> slots_;
  std::vector<uint32_t> free_slots_;
  std::unordered_map<uint32_t, std::unique_ptr<Job>> sent_;
  std::unordered_map<std::string, rd_kafka_topic_t*> topics_;

  // The burst that librdkafka has: see may_send.
  size_t outstanding_ = 0;
  size_t burst_bytes_ = 0;
  size_t burst_bytes_max_ = 0;
  size_t partition_bytes_max_ = 0;
  // Those the last burst went to, modulo 64.
  uint64_t partitions_ = 0;
  Instant burst_began_{};
  Instant window_began_{};
  // How long a burst usually takes until all of it is acknowledged.
  double acknowledged_ms_ = 0;
  std::chrono::microseconds fill_{0};

  // Transactions wait for the cluster, and for delivery reports that the client's own thread has to collect meanwhile.
  class Transactions;
  std::unique_ptr<Transactions> transactions_;
};

}  // namespace streamline
