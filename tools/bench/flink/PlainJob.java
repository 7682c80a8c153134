import java.io.Serializable;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.serialization.SimpleStringEncoder;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.connector.file.sink.FileSink;
import org.apache.flink.connector.file.src.FileSource;
import org.apache.flink.connector.file.src.reader.TextLineInputFormat;
import org.apache.flink.core.fs.Path;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.JsonNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ArrayNode;
import org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.streaming.api.functions.sink.filesystem.rollingpolicies.OnCheckpointRollingPolicy;
import org.apache.flink.util.Collector;

/**
 * What people write for Flink: Jackson, a keyed process function, the state of a user as one object on the heap, and
 * the same five checks.
 *
 * <p>PlainJob INPUT OUTPUT INTERVAL
 */
public final class PlainJob {
    public static class Transaction implements Serializable {
        public String id;
        public String user;
        public String type;
        public double amount;
        public long seconds;
        public double latitude = Double.NaN;
        public double longitude = Double.NaN;
    }

    public static class UserState implements Serializable {
        public long count;
        public double mean;
        public double squares;
        public Map<String, ArrayDeque<Long>> times = new HashMap<>();
        public List<double[]> places = new ArrayList<>();
        public Set<Integer> hours = new HashSet<>();
        public ArrayDeque<String> recent = new ArrayDeque<>();
        public boolean seenOnWeekend;
    }

    private static final long[] WINDOWS = {300, 900, 3600};
    private static final int[] THRESHOLDS = {20, 50, 100};

    static final class Scoring extends KeyedProcessFunction<String, Transaction, String> {
        private transient ValueState<UserState> states;
        private transient ObjectMapper mapper;

        @Override
        public void open(OpenContext context) {
            states = getRuntimeContext().getState(new ValueStateDescriptor<>("user", UserState.class));
            mapper = new ObjectMapper();
        }

        @Override
        public void processElement(Transaction transaction, Context context, Collector<String> output)
                throws Exception {
            UserState state = states.value();
            if (state == null) {
                state = new UserState();
            }
            if (state.recent.contains(transaction.id)) {
                return;
            }
            ObjectNode answer = mapper.createObjectNode();
            ArrayNode factors = answer.arrayNode();
            double[] safe = {1};
            checkVelocity(transaction, state, factors, safe);
            checkPlace(transaction, state, factors, safe);
            checkAmount(transaction, state, factors, safe);
            checkTime(transaction, state, factors, safe);
            double score = Math.round((1 - safe[0]) * 1e6) / 1e6;
            answer.put("transaction_id", transaction.id).put("user_id", transaction.user)
                    .put("timestamp", transaction.seconds)
                    .put("risk_level", level(score))
                    .put("risk_score", score);
            answer.set("risk_factors", factors);
            update(transaction, state);
            states.update(state);
            output.collect(mapper.writeValueAsString(answer));
        }

        private static String level(double score) {
            return score >= 0.8 ? "critical" : score >= 0.6 ? "high" : score >= 0.3 ? "medium" : "low";
        }

        private static void add(ArrayNode factors, double[] safe, String type, double risk) {
            factors.addObject().put("type", type).put("risk_score", risk);
            safe[0] *= 1 - risk;
        }

        private static void checkVelocity(
                Transaction transaction, UserState state, ArrayNode factors, double[] safe) {
            ArrayDeque<Long> times = state.times.get(transaction.type);
            if (times == null) {
                return;
            }
            for (int index = 0; index < WINDOWS.length; index++) {
                long start = transaction.seconds - WINDOWS[index];
                int count = 0;
                for (long time : times) {
                    count += time > start && time <= transaction.seconds ? 1 : 0;
                }
                if (count >= THRESHOLDS[index]) {
                    add(factors, safe, "high_velocity", Math.min(1, 0.5 * count / THRESHOLDS[index]));
                }
            }
        }

        private static void checkPlace(Transaction transaction, UserState state, ArrayNode factors, double[] safe) {
            if (Double.isNaN(transaction.latitude) || state.places.isEmpty()) {
                return;
            }
            double nearest = Double.MAX_VALUE;
            for (double[] place : state.places) {
                nearest = Math.min(nearest, kilometers(place[0], place[1], transaction));
            }
            if (nearest > 100) {
                add(factors, safe, "unusual_location", Math.min(1, nearest / 1000));
            }
        }

        private static double kilometers(double latitude, double longitude, Transaction transaction) {
            double one = Math.toRadians(latitude);
            double other = Math.toRadians(transaction.latitude);
            double up = Math.sin((other - one) / 2);
            double across = Math.sin(Math.toRadians(transaction.longitude - longitude) / 2);
            return 2 * 6371 * Math.asin(Math.sqrt(up * up + Math.cos(one) * Math.cos(other) * across * across));
        }

        private static void checkAmount(Transaction transaction, UserState state, ArrayNode factors, double[] safe) {
            if (state.count < 5) {
                return;
            }
            double deviation = Math.sqrt(state.squares / (state.count - 1));
            double score = (transaction.amount - state.mean) / Math.max(deviation, 0.01);
            if (score > 3) {
                add(factors, safe, "unusual_amount", Math.min(1, score / 5));
            }
        }

        private static void checkTime(Transaction transaction, UserState state, ArrayNode factors, double[] safe) {
            ZonedDateTime time = Instant.ofEpochSecond(transaction.seconds).atZone(ZoneOffset.UTC);
            if (state.count >= 5 && !state.hours.contains(time.getHour())) {
                add(factors, safe, "unusual_time", 0.3);
            }
            if (state.count >= 5 && !state.times.containsKey(transaction.type)) {
                add(factors, safe, "unusual_transaction_type", 0.4);
            }
            if (time.getHour() >= 2 && time.getHour() < 6) {
                add(factors, safe, "late_night_transaction", 0.2);
            }
            if (state.count >= 5 && time.getDayOfWeek().getValue() > 5 && !state.seenOnWeekend) {
                add(factors, safe, "unusual_weekend", 0.3);
            }
        }

        private static void update(Transaction transaction, UserState state) {
            ZonedDateTime time = Instant.ofEpochSecond(transaction.seconds).atZone(ZoneOffset.UTC);
            ArrayDeque<Long> times = state.times.computeIfAbsent(transaction.type, type -> new ArrayDeque<>());
            times.addLast(transaction.seconds);
            while (times.size() > 100) {
                times.removeFirst();
            }
            if (!Double.isNaN(transaction.latitude)) {
                boolean isKnown = false;
                for (double[] place : state.places) {
                    isKnown |= kilometers(place[0], place[1], transaction) < 1;
                }
                if (!isKnown) {
                    state.places.add(new double[] {transaction.latitude, transaction.longitude});
                    if (state.places.size() > 10) {
                        state.places.remove(0);
                    }
                }
            }
            state.hours.add(time.getHour());
            state.seenOnWeekend |= time.getDayOfWeek().getValue() > 5;
            state.count++;
            double step = transaction.amount - state.mean;
            state.mean += step / state.count;
            state.squares += step * (transaction.amount - state.mean);
            state.recent.addLast(transaction.id);
            if (state.recent.size() > 16) {
                state.recent.removeFirst();
            }
        }
    }

    private static Transaction parse(ObjectMapper mapper, String line) throws Exception {
        JsonNode node = mapper.readTree(line);
        Transaction transaction = new Transaction();
        transaction.id = node.get("transaction_id").asText();
        transaction.user = node.get("user_id").asText();
        transaction.type = node.has("transaction_type") ? node.get("transaction_type").asText() : "payment";
        transaction.amount = node.get("amount").asDouble();
        transaction.seconds = node.get("timestamp").asLong();
        JsonNode place = node.get("location");
        if (place != null) {
            transaction.latitude = place.get("latitude").asDouble();
            transaction.longitude = place.get("longitude").asDouble();
        }
        return transaction;
    }

    public static void main(String[] arguments) throws Exception {
        StreamExecutionEnvironment environment = StreamExecutionEnvironment.getExecutionEnvironment();
        environment.enableCheckpointing(Long.parseLong(arguments[2]));
        environment.getConfig().enableObjectReuse();
        ObjectMapper mapper = new ObjectMapper();
        environment
                .fromSource(
                        FileSource.forRecordStreamFormat(new TextLineInputFormat(), new Path("file://" + arguments[0]))
                                .build(),
                        WatermarkStrategy.noWatermarks(), "transactions")
                .setParallelism(1)
                .map(line -> parse(mapper, line)).returns(Transaction.class).setParallelism(1)
                .keyBy(transaction -> transaction.user)
                .process(new Scoring())
                .sinkTo(FileSink.<String>forRowFormat(new Path("file://" + arguments[1]), new SimpleStringEncoder<>())
                        .withRollingPolicy(OnCheckpointRollingPolicy.build()).build());
        environment.execute("plain");
    }
}
