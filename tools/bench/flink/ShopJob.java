import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.StatementSet;
import org.apache.flink.table.api.TableEnvironment;

/**
 * The shop's pipeline as people write it for Flink: SQL alone, with the same four results.
 *
 * <p>ShopJob INPUT OUTPUT
 */
public final class ShopJob {
    private static final String ORDERS = """
        CREATE TABLE orders (
          order_id STRING, `timestamp` DOUBLE, product_name STRING, price BIGINT, quantity BIGINT, ip_address STRING,
          moment AS TO_TIMESTAMP_LTZ(CAST(`timestamp` * 1000 AS BIGINT), 3),
          WATERMARK FOR moment AS moment - INTERVAL '5' SECOND
        ) WITH ('connector' = 'filesystem', 'path' = '%s', 'format' = 'json')""";

    private static final String POPULAR = """
        INSERT INTO popular_products
        SELECT window_start, window_end, product_name, COUNT(*), SUM(quantity), SUM(price * quantity)
        FROM TABLE(TUMBLE(TABLE orders, DESCRIPTOR(moment), INTERVAL '30' SECOND))
        GROUP BY window_start, window_end, product_name""";

    private static final String SUSPICIOUS = """
        CREATE TEMPORARY VIEW suspicious AS
        SELECT window_start, window_end, window_time AS moment, ip_address, COUNT(*) AS order_count,
          SUM(price * quantity) AS total_spent
        FROM TABLE(HOP(TABLE orders, DESCRIPTOR(moment), INTERVAL '10' SECOND, INTERVAL '1' MINUTE))
        GROUP BY window_start, window_end, window_time, ip_address
        HAVING COUNT(*) >= 10""";

    private static final String HIGH = """
        INSERT INTO high_value_orders
        SELECT moment, order_id, product_name, quantity, price * quantity, ip_address
        FROM orders WHERE price * quantity >= 500000""";

    private static final String EVERYTHING = """
        CREATE TEMPORARY VIEW everything AS
        SELECT moment, price * quantity AS total, CAST(NULL AS STRING) AS suspect FROM orders
        UNION ALL SELECT moment, CAST(NULL AS BIGINT), ip_address FROM suspicious""";

    private static final String STATISTICS = """
        INSERT INTO statistics
        SELECT window_start, window_end, COUNT(total), SUM(total), AVG(CAST(total AS DOUBLE)), COUNT(DISTINCT suspect)
        FROM TABLE(TUMBLE(TABLE everything, DESCRIPTOR(moment), INTERVAL '30' SECOND))
        GROUP BY window_start, window_end
        HAVING COUNT(total) > 0""";

    private static void sink(TableEnvironment tables, String name, String columns, String folder) {
        tables.executeSql("CREATE TABLE " + name + " (" + columns + ") WITH ('connector' = 'filesystem', 'path' = '"
            + folder + "/" + name + "', 'format' = 'csv')");
    }

    public static void main(String[] arguments) throws Exception {
        TableEnvironment tables = TableEnvironment.create(EnvironmentSettings.inStreamingMode());
        tables.getConfig().set("execution.checkpointing.interval", "10 s");
        tables.executeSql(ORDERS.formatted(arguments[0]));
        String window = "window_start TIMESTAMP(3), window_end TIMESTAMP(3), ";
        String folder = arguments[1];
        sink(tables, "popular_products", window + "name STRING, orders BIGINT, quantity BIGINT, sales BIGINT", folder);
        sink(tables, "suspicious_ips", window + "ip_address STRING, order_count BIGINT, total_spent BIGINT", folder);
        sink(tables, "high_value_orders", "moment TIMESTAMP_LTZ(3), order_id STRING, product_name STRING, "
            + "quantity BIGINT, total BIGINT, ip_address STRING", folder);
        sink(tables, "statistics", window + "orders BIGINT, sales BIGINT, average DOUBLE, addresses BIGINT", folder);
        tables.executeSql(SUSPICIOUS);
        tables.executeSql(EVERYTHING);
        StatementSet all = tables.createStatementSet();
        all.addInsertSql(POPULAR);
        all.addInsertSql("INSERT INTO suspicious_ips SELECT window_start, window_end, ip_address, order_count, "
            + "total_spent FROM suspicious");
        all.addInsertSql(HIGH);
        all.addInsertSql(STATISTICS);
        all.execute();
    }
}
