/*
 * What librdkafka itself can do, as a yardstick for the bridge: consume -> produce -> commit in C, at least once, no transform.
 *
 * c-loop INPUT OUTPUT [-C name=value]... [-P name=value]...     properties of the consumer and of the producer
 *
 * One thread touches every record: it takes what the consumer has in one call, copies it into the producer with key, timestamp and
 * headers, placed by key, and serves the delivery reports in between. Every COMMIT_MS it closes an epoch: the positions up to there are
 * committed when the last record of the epoch is acknowledged, and nothing waits for that. Ends at SIGTERM, with a last commit.
 */
#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH 2000
#define WAIT_MS 100
#define COMMIT_MS 100
#define PARTITIONS_MAX 64
/* Epochs that were closed and are not acknowledged yet; with that many the open one goes on. */
#define EPOCHS 1024

struct epoch {
  long outstanding;
  /* Next offset to read by partition when the epoch was closed; -1 = nothing read yet. */
  int64_t positions[PARTITIONS_MAX];
};

static struct epoch epochs[EPOCHS];
static unsigned long open_epoch, oldest_epoch;
static int64_t positions[PARTITIONS_MAX];
static volatile sig_atomic_t stopping;

static void die(const char *doing, const char *why) {
  fprintf(stderr, "c-loop: %s: %s\n", doing, why);
  exit(1);
}

static void stop(int number) {
  (void)number;
  stopping = 1;
}

static long now_ms(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1000 + at.tv_nsec / 1000000;
}

static void on_delivery(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque) {
  (void)producer;
  (void)opaque;
  if (message->err) die("a record was not produced", rd_kafka_err2str(message->err));
  epochs[(uintptr_t)message->_private].outstanding -= 1;
}

static rd_kafka_t *client(rd_kafka_type_t type, const char *option, int argc, char **argv) {
  char why[512];
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  for (int i = 3; i + 1 < argc; i += 2) {
    if (strcmp(argv[i], option) != 0) continue;
    char *value = strchr(argv[i + 1], '=');
    if (value == NULL) die(argv[i + 1], "name=value is wanted");
    *value = 0;
    if (rd_kafka_conf_set(conf, argv[i + 1], value + 1, why, sizeof why) != RD_KAFKA_CONF_OK) die(argv[i + 1], why);
  }
  if (type == RD_KAFKA_PRODUCER) rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
  rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof why);
  if (rk == NULL) die("no client", why);
  return rk;
}

static void produce(rd_kafka_t *producer, rd_kafka_topic_t *output, rd_kafka_message_t *message) {
  rd_kafka_headers_t *headers = NULL;
  if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR) headers = rd_kafka_headers_copy(headers);
  const int64_t timestamp = rd_kafka_message_timestamp(message, NULL);
  void *const epoch = (void *)(uintptr_t)(open_epoch % EPOCHS);
  for (;;) {
    const rd_kafka_resp_err_t code =
        headers == NULL
            ? rd_kafka_producev(producer, RD_KAFKA_V_RKT(output), RD_KAFKA_V_PARTITION(RD_KAFKA_PARTITION_UA),
                                RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_VALUE(message->payload, message->len),
                                RD_KAFKA_V_KEY(message->key, message->key_len), RD_KAFKA_V_TIMESTAMP(timestamp),
                                RD_KAFKA_V_OPAQUE(epoch), RD_KAFKA_V_END)
            : rd_kafka_producev(producer, RD_KAFKA_V_RKT(output), RD_KAFKA_V_PARTITION(RD_KAFKA_PARTITION_UA),
                                RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_VALUE(message->payload, message->len),
                                RD_KAFKA_V_KEY(message->key, message->key_len), RD_KAFKA_V_TIMESTAMP(timestamp),
                                RD_KAFKA_V_OPAQUE(epoch), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) break;
    if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) die("a record was not produced", rd_kafka_err2str(code));
    rd_kafka_poll(producer, 10);
  }
  epochs[open_epoch % EPOCHS].outstanding += 1;
  positions[message->partition] = message->offset + 1;
}

static void close_epoch(void) {
  if (open_epoch + 1 - oldest_epoch == EPOCHS) return;
  memcpy(epochs[open_epoch % EPOCHS].positions, positions, sizeof positions);
  open_epoch += 1;
}

/* Commits what all epochs that are wholly acknowledged have read. */
static void commit(rd_kafka_t *consumer, const char *input, int async) {
  const int64_t *acknowledged = NULL;
  while (oldest_epoch < open_epoch && epochs[oldest_epoch % EPOCHS].outstanding == 0) {
    acknowledged = epochs[oldest_epoch % EPOCHS].positions;
    oldest_epoch += 1;
  }
  if (acknowledged == NULL) return;
  rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(PARTITIONS_MAX);
  for (int partition = 0; partition < PARTITIONS_MAX; partition += 1)
    if (acknowledged[partition] >= 0)
      rd_kafka_topic_partition_list_add(offsets, input, partition)->offset = acknowledged[partition];
  if (offsets->cnt > 0) {
    const rd_kafka_resp_err_t code = rd_kafka_commit(consumer, offsets, async);
    if (code) die("offsets were not committed", rd_kafka_err2str(code));
  }
  rd_kafka_topic_partition_list_destroy(offsets);
}

int main(int argc, char **argv) {
  if (argc < 3) die("usage", "c-loop INPUT OUTPUT [-C name=value]... [-P name=value]...");
  const char *input = argv[1];
  rd_kafka_t *consumer = client(RD_KAFKA_CONSUMER, "-C", argc, argv);
  rd_kafka_t *producer = client(RD_KAFKA_PRODUCER, "-P", argc, argv);
  rd_kafka_topic_t *output = rd_kafka_topic_new(producer, argv[2], NULL);
  rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(consumer);
  rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(topics, input, RD_KAFKA_PARTITION_UA);
  if (rd_kafka_subscribe(consumer, topics)) die("cannot subscribe", input);
  rd_kafka_topic_partition_list_destroy(topics);
  rd_kafka_poll_set_consumer(consumer);
  signal(SIGTERM, stop);
  for (int partition = 0; partition < PARTITIONS_MAX; partition += 1) positions[partition] = -1;

  static rd_kafka_message_t *messages[BATCH];
  long closed_at_ms = now_ms();
  while (!stopping) {
    const ssize_t count = rd_kafka_consume_batch_queue(queue, WAIT_MS, messages, BATCH);
    for (ssize_t i = 0; i < count; i += 1) {
      if (messages[i]->err) die("cannot consume", rd_kafka_message_errstr(messages[i]));
      if (messages[i]->partition >= PARTITIONS_MAX) die(input, "has too many partitions");
      produce(producer, output, messages[i]);
      rd_kafka_message_destroy(messages[i]);
    }
    rd_kafka_poll(producer, 0);
    if (now_ms() - closed_at_ms < COMMIT_MS) continue;
    close_epoch();
    commit(consumer, input, 1);
    closed_at_ms = now_ms();
  }
  if (rd_kafka_flush(producer, 20000)) die("flush", "the cluster does not acknowledge");
  commit(consumer, input, 0);
  close_epoch();
  commit(consumer, input, 0);
  rd_kafka_queue_destroy(queue);
  rd_kafka_topic_destroy(output);
  rd_kafka_destroy(producer);
  rd_kafka_consumer_close(consumer);
  rd_kafka_destroy(consumer);
  return 0;
}
