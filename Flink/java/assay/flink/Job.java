package assay.flink;

import java.io.File;
import java.time.Duration;
import java.util.List;
import org.apache.flink.api.common.RuntimeExecutionMode;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.connector.file.sink.FileSink;
import org.apache.flink.connector.file.src.FileSource;
import org.apache.flink.core.fs.Path;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.filesystem.rollingpolicies.OnCheckpointRollingPolicy;
import org.apache.flink.streaming.api.transformations.TwoInputTransformation;

/** Source → router → scorer → sink. */
public final class Job {
    private static final int USUAL_GROUPS = 128;
    private static final int MOST_GROUPS = 1 << 15;
    private static final int USUAL_INTERVAL = 10_000;
    private static final Duration BETWEEN_LOOKS = Duration.ofSeconds(1);

    private Job() {}

    public static void main(String[] arguments) throws Exception {
        Options options = new Options(arguments);
        if (options.asksForHelp) {
            System.out.println(Options.HELP);
            return;
        }
        if (options.text("print-configuration") != null) {
            System.out.write(Core.configurationOf(options.text("print-configuration")));
            System.out.flush();
            return;
        }
        StreamExecutionEnvironment environment = StreamExecutionEnvironment.getExecutionEnvironment();
        environment.setRuntimeMode(RuntimeExecutionMode.STREAMING);
        environment.getConfig().enableObjectReuse();
        int groups = (int) options.number("key-groups", USUAL_GROUPS, 1, MOST_GROUPS);
        environment.setMaxParallelism(groups);
        int parallelism = environment.getParallelism();
        if (parallelism < 1 || parallelism > groups) {
            throw new IllegalArgumentException(
                    "the parallelism has to be a number from 1 to " + groups + ", not " + parallelism);
        }
        if (options.text("checkpoint-interval") != null
                || environment.getCheckpointConfig().getCheckpointInterval() <= 0) {
            environment.enableCheckpointing(options.number("checkpoint-interval", USUAL_INTERVAL, 10, 86_400_000));
        }
        if (environment.getCheckpointConfig().isUnalignedCheckpointsEnabled()) {
            throw new IllegalArgumentException(
                    "unaligned checkpoints keep blocks that were sorted for another parallelism: switch them off");
        }
        // Read here, where the file is; lists travel in it.
        byte[] configuration = Core.configurationOf(options.text("config") == null ? "" : options.text("config"));
        build(environment, options, configuration, groups);
        environment.execute("assay");
    }

    private static void build(
            StreamExecutionEnvironment environment, Options options, byte[] configuration, int groups) {
        int parallelism = environment.getParallelism();
        DataStream<byte[]> lines = options.text("input-table") == null
                ? files(environment, options)
                : new Tables(environment).read(options.text("input-table"));
        SingleOutputStreamOperator<byte[]> routed = lines
                .transform("route", Blocks.TYPE, new Router(configuration, groups, parallelism))
                .setParallelism(lines.getParallelism()).uid("route");
        SingleOutputStreamOperator<byte[]> scored = routed
                .partitionCustom(new Blocks.ToTarget(parallelism), new Blocks.Target())
                .connect(configurations(environment, options).broadcast())
                .transform("score", Blocks.TYPE, new Scorer(configuration, groups, path(options, "import")))
                .uid("score");
        // Keyed for Flink, so that it hands out key groups and keyed state: the router knows which block is whose.
        TwoInputTransformation<byte[], byte[], byte[]> keyed =
                (TwoInputTransformation<byte[], byte[], byte[]>) scored.getTransformation();
        keyed.setStateKeySelectors(block -> "", null);
        keyed.setStateKeyType(Types.STRING);
        if (options.text("output-table") == null) {
            write(scored, options.text("output"), "assessments");
        } else {
            new Tables(environment).write(scored, options.text("output-table"));
        }
        if (options.text("rejects") != null) {
            write(routed.getSideOutput(Blocks.REJECTS).union(scored.getSideOutput(Blocks.REJECTS)),
                    options.text("rejects"), "rejects");
        }
    }

    private static DataStream<byte[]> files(StreamExecutionEnvironment environment, Options options) {
        List<String> inputs = options.list("input");
        Path[] paths = inputs.stream().map(Job::path).toArray(Path[]::new);
        long usual = Math.min(inputs.size(), environment.getParallelism());
        int readers = (int) options.number("readers", usual, 1, environment.getMaxParallelism());
        long rate = options.number("rate", 0, 0, Long.MAX_VALUE);
        return environment
                .fromSource(
                        FileSource.forRecordStreamFormat(new LineBlocks(rate), paths).build(),
                        WatermarkStrategy.noWatermarks(), "transactions", Blocks.TYPE)
                .setParallelism(readers).uid("transactions");
    }

    /** What may take the place of the first configuration. */
    private static DataStream<byte[]> configurations(StreamExecutionEnvironment environment, Options options) {
        if (options.text("reload") == null) {
            // Flink wants a source that ends at once.
            return environment.fromData(Blocks.TYPE, new byte[0]).filter(nothing -> false).returns(Blocks.TYPE)
                    .setParallelism(1).uid("no-configurations");
        }
        return environment
                .fromSource(
                        FileSource.forRecordStreamFormat(new LineBlocks.Whole(), path(options.text("reload")))
                                .monitorContinuously(BETWEEN_LOOKS).build(),
                        WatermarkStrategy.noWatermarks(), "configurations", Blocks.TYPE)
                .setParallelism(1).uid("configurations");
    }

    private static void write(DataStream<byte[]> blocks, String place, String name) {
        blocks.sinkTo(
                        FileSink.forRowFormat(path(place), new LineBlocks.Writer())
                                .withRollingPolicy(OnCheckpointRollingPolicy.build()).build())
                .name(name).uid(name);
    }

    private static Path path(Options options, String name) {
        return options.text(name) == null ? null : path(options.text(name));
    }

    /** A path without a scheme is one of this machine, wherever the job runs. */
    private static Path path(String text) {
        return text.contains("://") ? new Path(text) : new Path(new File(text).getAbsoluteFile().toURI());
    }
}
