package assay.flink;

import java.util.Arrays;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.table.api.DataTypes;
import org.apache.flink.table.api.Schema;
import org.apache.flink.table.api.bridge.java.StreamTableEnvironment;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.types.Row;
import org.apache.flink.util.Collector;

/** Any connector that Flink finds by its name brings and takes lines, a row each. */
final class Tables {
    private final StreamTableEnvironment tables;

    Tables(StreamExecutionEnvironment environment) {
        tables = StreamTableEnvironment.create(environment);
    }

    DataStream<byte[]> read(String properties) {
        tables.executeSql("CREATE TEMPORARY TABLE transactions (line BYTES) WITH (" + properties + ", 'format'='raw')");
        return tables.toDataStream(tables.from("transactions"))
                .map(row -> (byte[]) row.getField(0)).returns(Blocks.TYPE);
    }

    void write(DataStream<byte[]> blocks, String properties) {
        tables.executeSql("CREATE TEMPORARY TABLE assessments (line BYTES) WITH (" + properties + ", 'format'='raw')");
        DataStream<Row> rows = blocks.flatMap(Tables::split)
                .returns(Types.ROW_NAMED(new String[] {"line"}, Blocks.TYPE));
        Schema schema = Schema.newBuilder().column("line", DataTypes.BYTES()).build();
        tables.createStatementSet().addInsert("assessments", tables.fromDataStream(rows, schema)).attachAsDataStream();
    }

    private static void split(byte[] block, Collector<Row> rows) {
        int start = 0;
        for (int end = 0; end < block.length; end++) {
            if (block[end] == '\n') {
                rows.collect(Row.of((Object) Arrays.copyOfRange(block, start, end)));
                start = end + 1;
            }
        }
    }
}
