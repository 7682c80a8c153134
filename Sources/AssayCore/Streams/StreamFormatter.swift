/// Puts the rows of a pipeline's streams in the forms of the sinks.
package struct StreamFormatter: RowFormatter {
    /// By output.
    private let writings: [RowWriting]

    init(_ plan: StreamPlan) {
        let values = ValueEncoder(plan.zone)
        writings = plan.outputs.map { RowWriting($0, values, plan.schema) }
    }

    package mutating func format(_ batch: StreamBatch, for sink: Int, into buffer: inout OutputBuffer) -> UInt64 {
        let rows = batch.buffers[sink]
        guard rows.rows > 0 else { return 0 }
        rows.format(with: batch, writings, into: &buffer)
        return rows.rows
    }

    /// The stage has not taken anything after the line.
    package func cut(_ batch: StreamBatch, after line: UInt32) {}
}
