package assay.flink;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.flink.api.common.TaskInfo;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.core.fs.FSDataInputStream;
import org.apache.flink.core.fs.Path;
import org.apache.flink.metrics.Gauge;
import org.apache.flink.metrics.MetricGroup;
import org.apache.flink.runtime.state.KeyGroupRange;
import org.apache.flink.runtime.state.KeyGroupRangeAssignment;
import org.apache.flink.runtime.state.KeyedStateBackend;
import org.apache.flink.runtime.state.StateInitializationContext;
import org.apache.flink.runtime.state.StateSnapshotContext;
import org.apache.flink.runtime.state.VoidNamespace;
import org.apache.flink.runtime.state.VoidNamespaceSerializer;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.BoundedMultiInput;
import org.apache.flink.streaming.api.operators.TwoInputStreamOperator;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;

/**
 * Scores blocks of lines. The users of its key groups are in native memory; those that changed go into Flink's keyed
 * state when a checkpoint is taken, and all come back from there at a start.
 *
 * <p>Its second input brings configurations. One that came takes hold with the next checkpoint: every subtask has it
 * before the same barrier, it is in that checkpoint, and a run that resumes from there changes at the same line.
 */
final class Scorer extends AbstractStreamOperator<byte[]>
        implements TwoInputStreamOperator<byte[], byte[], byte[]>, BoundedMultiInput {
    private static final long serialVersionUID = 1;

    private final byte[] first;
    private final int groups;
    private final Path exported;
    private transient Core core;
    private transient ValueState<byte[]> users;
    private transient ListState<byte[]> configurations;
    private transient ListState<byte[]> firsts;
    private transient ListState<byte[]> clocks;
    private transient byte[] present;
    private transient byte[] waiting;
    /** Read by the threads of reporters. */
    private transient volatile Core.Counts counts;
    private transient Map<String, Long> ruleCounts;

    /**
     * `first`: the configuration that holds until another one comes. `exported`: users of another machine, for a job
     * without a checkpoint; null for none.
     */
    Scorer(byte[] first, int groups, Path exported) {
        this.first = first;
        this.groups = groups;
        this.exported = exported;
    }

    // Which block has whose lines is the router's business: a block is of no key.

    @Override
    public boolean hasKeyContext1() {
        return false;
    }

    @Override
    public boolean hasKeyContext2() {
        return false;
    }

    @Override
    @SuppressWarnings("rawtypes")
    public void setKeyContextElement1(StreamRecord element) {}

    @Override
    @SuppressWarnings("rawtypes")
    public void setKeyContextElement2(StreamRecord element) {}

    @Override
    public void initializeState(StateInitializationContext context) throws Exception {
        super.initializeState(context);
        configurations = context.getOperatorStateStore()
                .getUnionListState(new ListStateDescriptor<>("configuration", Blocks.TYPE));
        firsts = context.getOperatorStateStore()
                .getUnionListState(new ListStateDescriptor<>("first-configuration", Blocks.TYPE));
        clocks = context.getOperatorStateStore().getUnionListState(new ListStateDescriptor<>("clock", Blocks.TYPE));
        present = first;
        if (hasSameFirst()) {
            // All subtasks have the same.
            for (byte[] configuration : configurations.get()) {
                present = configuration;
            }
        }
        core = new Core(present, groups);
        for (byte[] clock : clocks.get()) {
            core.setClock(clock);
        }
        ValueStateDescriptor<byte[]> descriptor = new ValueStateDescriptor<>("user", Blocks.TYPE);
        users = context.getKeyedStateStore().getState(descriptor);
        if (context.isRestored()) {
            KeyedStateBackend<String> backend = getKeyedStateBackend();
            backend.applyToAllKeys(
                    VoidNamespace.INSTANCE, VoidNamespaceSerializer.INSTANCE, descriptor,
                    (String user, ValueState<byte[]> state) -> core.take(entry(user, state.value()), true));
        } else if (exported != null) {
            importUsers();
        }
        counts = core.counts();
        ruleCounts = new ConcurrentHashMap<>();
    }

    /** Whether the job was not started with another configuration since, which would hold now. */
    private boolean hasSameFirst() throws Exception {
        for (byte[] earlier : firsts.get()) {
            if (!Arrays.equals(earlier, first)) {
                return false;
            }
        }
        return true;
    }

    /** Each subtask reads the whole file, and takes the users of its key groups. */
    private void importUsers() throws IOException {
        TaskInfo task = getRuntimeContext().getTaskInfo();
        KeyGroupRange range = KeyGroupRangeAssignment.computeKeyGroupRangeForOperatorIndex(
                groups, task.getNumberOfParallelSubtasks(), task.getIndexOfThisSubtask());
        try (FSDataInputStream file = exported.getFileSystem().open(exported);
                BufferedReader lines = new BufferedReader(new InputStreamReader(file, StandardCharsets.UTF_8))) {
            for (String line; (line = lines.readLine()) != null; ) {
                byte[] entry = core.entry(line.getBytes(StandardCharsets.UTF_8));
                if (entry == null) {
                    continue;
                }
                String user = new String(next(ByteBuffer.wrap(entry)), StandardCharsets.UTF_8);
                if (range.contains(KeyGroupRangeAssignment.assignToKeyGroup(user, groups))) {
                    core.take(entry, false);
                }
            }
        }
    }

    @Override
    public void open() throws Exception {
        super.open();
        MetricGroup group = getRuntimeContext().getMetricGroup().addGroup("assay");
        group.gauge("users", (Gauge<Long>) () -> counts.users);
        group.gauge("memory_bytes", (Gauge<Long>) () -> counts.memory);
        group.gauge("accepted", (Gauge<Long>) () -> counts.accepted);
        group.gauge("rejected", (Gauge<Long>) () -> counts.rejected);
        for (int level = 0; level < Core.LEVELS.length; level++) {
            int index = level;
            group.gauge("level_" + Core.LEVELS[level], (Gauge<Long>) () -> counts.levels[index]);
        }
        showRules();
    }

    /** Each rule is a metric from when it first counts. */
    private void showRules() {
        MetricGroup group = getRuntimeContext().getMetricGroup().addGroup("assay");
        core.ruleCounts().forEach((rule, count) -> {
            if (ruleCounts.put(rule, count) == null) {
                group.addGroup("rule", rule).gauge("fired", (Gauge<Long>) () -> ruleCounts.get(rule));
            }
        });
    }

    @Override
    public void processElement1(StreamRecord<byte[]> element) {
        byte[] assessments = core.score(element.getValue(), Blocks.HEAD);
        if (assessments != null) {
            output.collect(new StreamRecord<>(assessments));
        }
        byte[] rejects = core.rejects();
        if (rejects != null) {
            output.collect(Blocks.REJECTS, new StreamRecord<>(rejects));
        }
        counts = core.counts();
    }

    @Override
    public void processElement2(StreamRecord<byte[]> element) {
        waiting = element.getValue();
    }

    @Override
    public void endInput(int input) {}

    @Override
    public void snapshotState(StateSnapshotContext context) throws Exception {
        super.snapshotState(context);
        takeConfiguration(context.getCheckpointId());
        showRules();
        configurations.update(List.of(present));
        firsts.update(List.of(first));
        clocks.update(List.of(core.clock()));
        // The backend's own snapshot comes after this.
        for (byte[] entries; (entries = core.export()) != null; ) {
            ByteBuffer rest = ByteBuffer.wrap(entries);
            while (rest.hasRemaining()) {
                setCurrentKey(new String(next(rest), StandardCharsets.UTF_8));
                byte[] state = next(rest);
                if (state.length > 0) {
                    users.update(state);
                } else {
                    users.clear();
                }
            }
        }
    }

    private void takeConfiguration(long checkpoint) {
        if (waiting == null) {
            return;
        }
        try {
            core.reload(waiting);
            present = waiting;
            LOG.info("another configuration holds after checkpoint {}", checkpoint);
        } catch (IllegalArgumentException fault) {
            LOG.error("the rules stay as they were: {}", fault.getMessage());
        }
        waiting = null;
    }

    private static byte[] next(ByteBuffer entries) {
        byte[] part = new byte[entries.getInt()];
        entries.get(part);
        return part;
    }

    private static byte[] entry(String user, byte[] state) {
        byte[] key = user.getBytes(StandardCharsets.UTF_8);
        return ByteBuffer.allocate(8 + key.length + state.length)
                .putInt(key.length).put(key).putInt(state.length).put(state).array();
    }

    @Override
    public void close() throws Exception {
        if (core != null) {
            core.close();
            core = null;
        }
        super.close();
    }
}
