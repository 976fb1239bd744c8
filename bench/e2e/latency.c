/*
 * How long records are under way: produces to INPUT at a steady rate, each record with the time of its produce call in a header, and
 * reads OUTPUT until all have arrived. In C, so that neither a collector nor an event loop of its own is in the figures.
 *
 * latency BOOTSTRAP INPUT OUTPUT PARTITIONS RECORDS_FILE PER_SECOND WARM_UP_S MEASURED_S [LEDGER_FILE]
 *
 * RECORDS_FILE: a line a record, key and value with a tab between; they are sent in turn. INPUT and OUTPUT may be one topic: then what is
 * measured is this program and the broker. Prints {"count", "p50_ms", "p99_ms", "p999_ms"} of what was sent after the warm-up.
 *
 * With a LEDGER_FILE it accounts for each record: the n-th goes to partition n % PARTITIONS and bears n in the header test-id; MEASURED_S is
 * the longest it runs, SIGTERM ends the producing; it reads on until all have arrived and nothing more comes, or nothing comes for long. For
 * each arrival, in the order of arrival, the file has a struct row; LEDGER_FILE.texts has, a line each, the texts that rows name by number.
 * Then it prints {"sent", "arrived"}.
 */
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HEADER "sent_ns"
#define ID_HEADER "test-id"
#define MODULE_HEADER "streamline.module.sha256"
#define TICK_NS 1000000L
#define SILENCE_MS_MAX 15000
/* So long after all have arrived, whatever comes twice has come. */
#define QUIET_MS 2000
#define REQUEST_MS_MAX 20000
#define LINE_BYTES_MAX 65536
#define TEXTS_MAX 65536 /* a power of two */

struct record {
  char *key, *value;
  size_t key_len, value_len;
};

static struct record *records;
static size_t record_count;
static rd_kafka_t *producer;
static rd_kafka_topic_t *input;
static long per_second, warm_up_count, total_count;
/* With a ledger. */
static int partition_count;
static FILE *ledger;
static volatile sig_atomic_t ending;
/* Records produced, once that is over; until then -1. */
static volatile long sent_count = -1;

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

static void produce(long n) {
  const struct record *record = &records[(size_t)n % record_count];
  const int64_t sent_ns = now_ns();
  rd_kafka_headers_t *headers = rd_kafka_headers_new(2);
  rd_kafka_header_add(headers, HEADER, -1, &sent_ns, sizeof sent_ns);
  if (ledger != NULL) {
    char id[24];
    rd_kafka_header_add(headers, ID_HEADER, -1, id, snprintf(id, sizeof id, "%ld", n));
  }
  const int32_t partition = ledger != NULL ? (int32_t)(n % partition_count) : RD_KAFKA_PARTITION_UA;
  const rd_kafka_resp_err_t code = rd_kafka_producev(
      producer, RD_KAFKA_V_RKT(input), RD_KAFKA_V_PARTITION(partition), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
      RD_KAFKA_V_KEY(record->key, record->key_len), RD_KAFKA_V_VALUE(record->value, record->value_len),
      RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
  if (code) die("a record was not produced", rd_kafka_err2str(code));
}

/* What is due by now, at every tick. A tick that comes late sends more: the rate holds. */
static void *produce_all(void *unused) {
  (void)unused;
  const int64_t began_ns = now_ns();
  long sent = 0;
  while (sent < total_count && !ending) {
    const long due = (long)((double)(now_ns() - began_ns) * 1e-9 * (double)per_second);
    for (; sent < due && sent < total_count; sent += 1) produce(sent);
    rd_kafka_poll(producer, 0);
    nanosleep(&(struct timespec){.tv_nsec = TICK_NS}, NULL);
  }
  if (rd_kafka_flush(producer, REQUEST_MS_MAX)) die("flush", "the cluster does not acknowledge");
  sent_count = sent;
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

/* Of a ledger. */
struct row {
  int64_t sent_ns, took_ns, offset;
  int32_t id, partition;
  /* Numbers of texts: the digest of the module that made it ("" = it does not say), the value. */
  int32_t module, value;
};

/* Each different text is given a number, in the order they come. */
static struct {
  char *text;
  size_t len;
  int32_t number;
} texts[TEXTS_MAX];
static size_t numbered[TEXTS_MAX];
static int32_t text_count;

static int32_t number_of(const char *text, size_t len) {
  uint32_t hash = 2166136261u;
  for (size_t i = 0; i < len; i += 1) hash = (hash ^ (unsigned char)text[i]) * 16777619u;
  for (size_t at = hash % TEXTS_MAX;; at = (at + 1) % TEXTS_MAX) {
    if (texts[at].text == NULL) {
      if (text_count == TEXTS_MAX / 2) die("the ledger", "has too many different texts");
      texts[at].text = malloc(len + 1);
      memcpy(texts[at].text, text, len);
      texts[at].len = len;
      numbered[text_count] = at;
      return texts[at].number = text_count++;
    }
    if (texts[at].len == len && memcmp(texts[at].text, text, len) == 0) return texts[at].number;
  }
}

static void write_texts(const char *ledger_path) {
  char path[4096];
  snprintf(path, sizeof path, "%s.texts", ledger_path);
  FILE *file = fopen(path, "w");
  if (file == NULL) die(path, "cannot be written");
  for (int32_t number = 0; number < text_count; number += 1) {
    fwrite(texts[numbered[number]].text, 1, texts[numbered[number]].len, file);
    fputc('\n', file);
  }
  if (fclose(file)) die(path, "cannot be written");
}

static int32_t id_of(const rd_kafka_headers_t *headers) {
  char id[24] = "";
  const void *value;
  size_t length;
  if (rd_kafka_header_get_last(headers, ID_HEADER, &value, &length) || length == 0 || length >= sizeof id)
    die("a record came back", "without its id");
  memcpy(id, value, length);
  return (int32_t)atol(id);
}

static void enter(const rd_kafka_message_t *message, int64_t sent_ns, int64_t took_ns) {
  rd_kafka_headers_t *headers;
  const void *digest = "";
  size_t length = 0;
  if (rd_kafka_message_headers(message, &headers)) die("a record came back", "without headers");
  if (rd_kafka_header_get_last(headers, MODULE_HEADER, &digest, &length)) length = 0;
  const struct row row = {
      .sent_ns = sent_ns,
      .took_ns = took_ns,
      .offset = message->offset,
      .id = id_of(headers),
      .partition = message->partition,
      .module = number_of(digest, length),
      .value = number_of(message->payload == NULL ? "" : message->payload, message->len),
  };
  if (fwrite(&row, sizeof row, 1, ledger) != 1) die("the ledger", "cannot be written");
}

static void end_producing(int signal) {
  (void)signal;
  ending = 1;
}

/* Everything, and whatever comes twice, into the ledger. */
static void keep_ledger(rd_kafka_t *consumer, const char *path) {
  long arrived = 0;
  for (;;) {
    const bool complete = sent_count >= 0 && arrived >= sent_count;
    rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, complete ? QUIET_MS : SILENCE_MS_MAX);
    const int64_t arrived_ns = now_ns();
    if (message == NULL) break;
    if (message->err) die("cannot consume", rd_kafka_message_errstr(message));
    const int64_t sent_ns = sent_ns_of(message);
    enter(message, sent_ns, arrived_ns - sent_ns);
    rd_kafka_message_destroy(message);
    arrived += 1;
  }
  if (fclose(ledger)) die(path, "cannot be written");
  write_texts(path);
  printf("{\"sent\": %ld, \"arrived\": %ld}\n", sent_count, arrived);
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
  if (argc != 9 && argc != 10)
    die("usage", "latency BOOTSTRAP INPUT OUTPUT PARTITIONS RECORDS_FILE PER_SECOND WARM_UP_S MEASURED_S [LEDGER_FILE]");
  read_records(argv[5]);
  partition_count = atoi(argv[4]);
  if (argc == 10) {
    ledger = fopen(argv[9], "wb");
    if (ledger == NULL) die(argv[9], "cannot be written");
    signal(SIGTERM, end_producing);
  }
  per_second = atol(argv[6]);
  warm_up_count = per_second * atol(argv[7]);
  total_count = warm_up_count + per_second * atol(argv[8]);
  if (total_count <= warm_up_count) die(argv[8], "is not a number of seconds");

  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  set(conf, "linger.ms", "1");
  set(conf, "acks", "all");
  /* Nothing twice, nothing out of order that the sidecar could be blamed for. */
  if (ledger != NULL) set(conf, "enable.idempotence", "true");
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
  assign_from_end(consumer, argv[3], partition_count);

  struct arrival *arrivals = malloc((size_t)total_count * sizeof *arrivals);
  pthread_t thread;
  if (pthread_create(&thread, NULL, produce_all, NULL)) die("no thread", "for the producer");
  if (ledger != NULL) {
    keep_ledger(consumer, argv[9]);
    pthread_join(thread, NULL);
    return 0;
  }
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
