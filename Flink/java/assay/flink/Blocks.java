package assay.flink;

import java.nio.ByteBuffer;
import org.apache.flink.api.common.functions.Partitioner;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.util.OutputTag;

/** What travels between the operators: whole lines, many at a time. */
final class Blocks {
    static final TypeInformation<byte[]> TYPE = PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO;
    static final OutputTag<byte[]> REJECTS = new OutputTag<>("rejects", TYPE);
    /** The number of the subtask that a routed block is for. */
    static final int HEAD = 4;

    private Blocks() {}

    /** Whom a routed block is for. */
    static final class Target implements KeySelector<byte[], Integer> {
        private static final long serialVersionUID = 1;

        @Override
        public Integer getKey(byte[] block) {
            return ByteBuffer.wrap(block).getInt();
        }
    }

    /** Sends routed blocks where they belong. */
    static final class ToTarget implements Partitioner<Integer> {
        private static final long serialVersionUID = 1;
        private final int targets;

        ToTarget(int targets) {
            this.targets = targets;
        }

        @Override
        public int partition(Integer target, int channels) {
            // Something has changed the parallelism: blocks would reach subtasks that don't have their users.
            if (channels != targets) {
                throw new IllegalStateException(
                        "lines were sorted for " + targets + " subtasks, and there are " + channels);
            }
            return target;
        }
    }
}
