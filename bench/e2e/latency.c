/*
 * How long records are under way: produces to INPUT at a steady rate, each record with the time of its produce call in a header, and
 * reads OUTPUT until all have arrived. In C, so that neither a collector nor an event loop of its own is in the figures.
 *
 * latency BOOTSTRAP INPUT OUTPUT PARTITIONS RECORDS_FILE PER_SECOND WARM_UP_S MEASURED_S
 *
 * RECORDS_FILE: a line a record, key and value with a tab between; they are sent in turn. INPUT and OUTPUT may be one topic: then what is
 * measured is this program and the broker. Prints {"count", "p50_ms", "p99_ms", "p999_ms"} of what was sent after the warm-up.
 */
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HEADER "sent_ns"
#define TICK_NS 1000000L
#define SILENCE_MS_MAX 15000
#define REQUEST_MS_MAX 20000
#define LINE_BYTES_MAX 65536

struct record {
  char *key, *value;
  size_t key_len, value_len;
};

static struct record *records;
static size_t record_count;
static rd_kafka_t *producer;
static rd_kafka_topic_t *input;
static long per_second, warm_up_count, total_count;

static void die(const char *doing, const char *why) {
  fprintf(stderr, "latency: %s: %s\n", doing, why);
  exit(1);
}

static int64_t now_ns(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec * 1000000000LL + at.tv_nsec;
}

static void read_records(const char *path) {
  static char line[LINE_BYTES_MAX];
  FILE *file = fopen(path, "r");
  if (file == NULL) die(path, "cannot be read");
  while (fgets(line, sizeof line, file) != NULL) {
    line[strcspn(line, "\n")] = 0;
    char *tab = strchr(line, '\t');
    if (tab == NULL) die(path, "a line has no tab");
    *tab = 0;
    records = realloc(records, (record_count + 1) * sizeof *records);
    struct record *record = &records[record_count++];
    record->key = strdup(line);
    record->value = strdup(tab + 1);
    record->key_len = strlen(record->key);
    record->value_len = strlen(record->value);
  }
  fclose(file);
  if (record_count == 0) die(path, "is empty");
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
  char why[512];
  if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK) die(name, why);
}

static rd_kafka_t *client(rd_kafka_type_t type, rd_kafka_conf_t *conf, const char *bootstrap) {
  char why[512];
  set(conf, "bootstrap.servers", bootstrap);
  set(conf, "socket.nagle.disable", "true");
  rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof why);
  if (rk == NULL) die("no client", why);
  return rk;
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque) {
  (void)rk;
  (void)opaque;
  if (message->err) die("a record was not produced", rd_kafka_err2str(message->err));
}

static void produce(const struct record *record) {
  const int64_t sent_ns = now_ns();
  const rd_kafka_resp_err_t code = rd_kafka_producev(
      producer, RD_KAFKA_V_RKT(input), RD_KAFKA_V_PARTITION(RD_KAFKA_PARTITION_UA), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
      RD_KAFKA_V_KEY(record->key, record->key_len), RD_KAFKA_V_VALUE(record->value, record->value_len),
      RD_KAFKA_V_HEADER(HEADER, &sent_ns, sizeof sent_ns), RD_KAFKA_V_END);
  if (code) die("a record was not produced", rd_kafka_err2str(code));
}

/* What is due by now, at every tick. A tick that comes late sends more: the rate holds. */
static void *produce_all(void *unused) {
  (void)unused;
  const int64_t began_ns = now_ns();
  for (long sent = 0; sent < total_count;) {
    const long due = (long)((double)(now_ns() - began_ns) * 1e-9 * (double)per_second);
    for (; sent < due && sent < total_count; sent += 1) produce(&records[(size_t)sent % record_count]);
    rd_kafka_poll(producer, 0);
    nanosleep(&(struct timespec){.tv_nsec = TICK_NS}, NULL);
  }
  if (rd_kafka_flush(producer, REQUEST_MS_MAX)) die("flush", "the cluster does not acknowledge");
  return NULL;
}

/* From where the partitions end now, by their numbers: "the end" would be asked for later, when records are on their way. */
static void assign_from_end(rd_kafka_t *consumer, const char *topic, int partitions) {
  rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
  for (int partition = 0; partition < partitions; partition += 1) {
    int64_t low, high;
    const rd_kafka_resp_err_t code =
        rd_kafka_query_watermark_offsets(consumer, topic, partition, &low, &high, REQUEST_MS_MAX);
    if (code) die("no end offset", rd_kafka_err2str(code));
    rd_kafka_topic_partition_list_add(list, topic, partition)->offset = high;
  }
  const rd_kafka_resp_err_t code = rd_kafka_assign(consumer, list);
  if (code) die("no assignment", rd_kafka_err2str(code));
  rd_kafka_topic_partition_list_destroy(list);
}

static int64_t sent_ns_of(const rd_kafka_message_t *message) {
  rd_kafka_headers_t *headers;
  const void *value;
  size_t length;
  int64_t sent_ns;
  if (rd_kafka_message_headers(message, &headers) || rd_kafka_header_get_last(headers, HEADER, &value, &length) ||
      length != sizeof sent_ns)
    die("a record came back", "without the time it was sent");
  memcpy(&sent_ns, value, sizeof sent_ns);
  return sent_ns;
}

struct arrival {
  int64_t sent_ns, took_ns;
};

static int by_sent(const void *a, const void *b) {
  const int64_t x = ((const struct arrival *)a)->sent_ns, y = ((const struct arrival *)b)->sent_ns;
  return (x > y) - (x < y);
}

static int by_took(const void *a, const void *b) {
  const int64_t x = ((const struct arrival *)a)->took_ns, y = ((const struct arrival *)b)->took_ns;
  return (x > y) - (x < y);
}

static double ms_at(const struct arrival *sorted, long count, double share) {
  long index = (long)(share * (double)count);
  if (index >= count) index = count - 1;
  return (double)sorted[index].took_ns / 1e6;
}

int main(int argc, char **argv) {
  if (argc != 9) die("usage", "latency BOOTSTRAP INPUT OUTPUT PARTITIONS RECORDS_FILE PER_SECOND WARM_UP_S MEASURED_S");
  read_records(argv[5]);
  per_second = atol(argv[6]);
  warm_up_count = per_second * atol(argv[7]);
  total_count = warm_up_count + per_second * atol(argv[8]);
  if (total_count <= warm_up_count) die(argv[8], "is not a number of seconds");

  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  set(conf, "linger.ms", "1");
  set(conf, "acks", "all");
  rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
  producer = client(RD_KAFKA_PRODUCER, conf, argv[1]);
  input = rd_kafka_topic_new(producer, argv[2], NULL);
  conf = rd_kafka_conf_new();
  set(conf, "group.id", "bench-latency");
  set(conf, "enable.auto.commit", "false");
  set(conf, "fetch.wait.max.ms", "5");
  set(conf, "fetch.min.bytes", "1");
  rd_kafka_t *consumer = client(RD_KAFKA_CONSUMER, conf, argv[1]);
  rd_kafka_poll_set_consumer(consumer);
  assign_from_end(consumer, argv[3], atoi(argv[4]));

  struct arrival *arrivals = malloc((size_t)total_count * sizeof *arrivals);
  pthread_t thread;
  if (pthread_create(&thread, NULL, produce_all, NULL)) die("no thread", "for the producer");
  for (long arrived = 0; arrived < total_count;) {
    rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, SILENCE_MS_MAX);
    const int64_t arrived_ns = now_ns();
    if (message == NULL) {
      fprintf(stderr, "latency: %ld of %ld records arrived\n", arrived, total_count);
      return 1;
    }
    if (message->err) die("cannot consume", rd_kafka_message_errstr(message));
    const int64_t sent_ns = sent_ns_of(message);
    arrivals[arrived++] = (struct arrival){sent_ns, arrived_ns - sent_ns};
    rd_kafka_message_destroy(message);
  }
  pthread_join(thread, NULL);

  const long count = total_count - warm_up_count;
  struct arrival *measured = arrivals + warm_up_count;
  qsort(arrivals, (size_t)total_count, sizeof *arrivals, by_sent);
  qsort(measured, (size_t)count, sizeof *arrivals, by_took);
  printf("{\"count\": %ld, \"p50_ms\": %.3f, \"p99_ms\": %.3f, \"p999_ms\": %.3f}\n", count, ms_at(measured, count, 0.5),
         ms_at(measured, count, 0.99), ms_at(measured, count, 0.999));
  rd_kafka_topic_destroy(input);
  rd_kafka_destroy(producer);
  rd_kafka_consumer_close(consumer);
  rd_kafka_destroy(consumer);
  return 0;
}
