package assay.flink;

import java.util.Arrays;
import org.apache.flink.streaming.api.operators.AbstractStreamOperator;
import org.apache.flink.streaming.api.operators.BoundedOneInput;
import org.apache.flink.streaming.api.operators.OneInputStreamOperator;
import org.apache.flink.streaming.api.watermark.Watermark;
import org.apache.flink.streaming.runtime.streamrecord.StreamRecord;

/**
 * Sorts lines by the subtask that has their user, many at a time. It runs where the source does, and holds nothing at a
 * checkpoint.
 */
final class Router extends AbstractStreamOperator<byte[]>
        implements OneInputStreamOperator<byte[], byte[]>, BoundedOneInput {
    private static final long serialVersionUID = 1;
    private static final int ENOUGH = 1 << 16;
    private static final int LONGEST_WAIT_MILLISECONDS = 20;

    private final byte[] configuration;
    private final int groups;
    private final int targets;
    private transient Core core;
    private transient byte[] lines;
    private transient int count;
    private transient boolean isTimed;

    /** `targets`: the parallelism of the scorer. */
    Router(byte[] configuration, int groups, int targets) {
        this.configuration = configuration;
        this.groups = groups;
        this.targets = targets;
    }

    @Override
    public void open() throws Exception {
        super.open();
        core = new Core(configuration, groups);
        lines = new byte[2 * ENOUGH];
    }

    /** Takes a line, or several. */
    @Override
    public void processElement(StreamRecord<byte[]> element) {
        byte[] more = element.getValue();
        if (count == 0 && more.length >= ENOUGH / 2) {
            send(more, more.length);
            return;
        }
        int wanted = count + more.length + 1;
        if (wanted > lines.length) {
            lines = Arrays.copyOf(lines, 2 * wanted);
        }
        System.arraycopy(more, 0, lines, count, more.length);
        count += more.length;
        if (count > 0 && lines[count - 1] != '\n') {
            lines[count++] = '\n';
        }
        if (count >= ENOUGH) {
            flush();
        } else if (!isTimed) {
            isTimed = true;
            long now = getProcessingTimeService().getCurrentProcessingTime();
            getProcessingTimeService().registerTimer(now + LONGEST_WAIT_MILLISECONDS, time -> {
                isTimed = false;
                flush();
            });
        }
    }

    private void flush() {
        if (count > 0) {
            send(lines, count);
            count = 0;
        }
    }

    private void send(byte[] lines, int count) {
        for (byte[] block : core.route(lines, count, targets)) {
            if (block != null) {
                output.collect(new StreamRecord<>(block));
            }
        }
        byte[] rejects = core.rejects();
        if (rejects != null) {
            output.collect(Blocks.REJECTS, new StreamRecord<>(rejects));
        }
    }

    @Override
    public void processWatermark(Watermark watermark) throws Exception {
        flush();
        super.processWatermark(watermark);
    }

    @Override
    public void prepareSnapshotPreBarrier(long checkpoint) {
        flush();
    }

    @Override
    public void endInput() {
        flush();
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
