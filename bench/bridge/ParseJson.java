package streamline.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import java.io.IOException;
import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.transforms.Transformation;

/** A value of JSON bytes becomes a Map without a schema, as MaskField wants it. By Jackson, which Connect's own converter uses. */
public final class ParseJson<R extends ConnectRecord<R>> implements Transformation<R> {
  private static final ObjectReader READER = new ObjectMapper().readerFor(Map.class);

  @Override
  public R apply(R record) {
    if (record.value() == null) return record;
    try {
      final Object value = READER.readValue((byte[]) record.value());
      return record.newRecord(record.topic(), record.kafkaPartition(), record.keySchema(), record.key(), null, value,
          record.timestamp());
    } catch (IOException e) {
      throw new DataException("the value is no JSON", e);
    }
  }

  @Override
  public ConfigDef config() {
    return new ConfigDef();
  }

  @Override
  public void configure(Map<String, ?> configs) {}

  @Override
  public void close() {}
}
