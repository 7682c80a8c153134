/// The readers of a stream, by number: each row looks them up, and numbers need no reference counting.
final class StreamReaders {
    /// For a stream with several sources also which of them this is.
    typealias Reader = (stream: Int, source: Int)

    let streams: UnsafeMutableBufferPointer<Reader>
    let outputs: UnsafeMutableBufferPointer<Int>

    init(of source: StreamPlan.Source, in pipeline: StreamPlan) {
        let streams = pipeline.streams.indices.compactMap { index in
            pipeline.streams[index].sources.firstIndex(of: source).map { Reader(index, $0) }
        }
        let outputs = pipeline.outputs.indices.filter { pipeline.outputs[$0].source == source }
        self.streams = .allocate(capacity: streams.count)
        _ = self.streams.initialize(from: streams)
        self.outputs = .allocate(capacity: outputs.count)
        _ = self.outputs.initialize(from: outputs)
    }

    deinit {
        streams.deallocate()
        outputs.deallocate()
    }

    var isNobody: Bool { streams.isEmpty && outputs.isEmpty }
}
