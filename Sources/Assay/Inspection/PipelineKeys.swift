import AssayCore
import StateStore

/// A key of a pipeline's state, as shown to people.
package struct PipelineKey: Sendable {
    package let stream: String
    /// Its parts, joined by commas.
    package let text: String
    /// What is remembered of it.
    package let kind: StreamFunction.StateKind?
    /// What the state takes in the store.
    package let bytes: Int
}

/// Names the keys of a pipeline's state, by the streams that the checkpoint records.
package struct PipelineKeys {
    /// By number.
    private let streams: [String]

    /// `configuration`: as the checkpoint records it.
    package init(configuration: String) {
        streams = PipelineIdentity.streams(in: configuration)
    }

    package func key(_ entry: UserStates.Entry) -> PipelineKey {
        let number = Int(entry.id.first ?? 0)
        return PipelineKey(
            stream: number < streams.count ? streams[number] : "\(number)", text: StreamKey.text(entry.id),
            kind: StreamFunction.kind(of: entry.state), bytes: entry.state.count)
    }

    /// Whether a text is a whole key, or one part of it.
    package static func names(_ key: [UInt8], _ text: String) -> Bool {
        let parts = key.withUnsafeBufferPointer { StreamKey.texts($0) }
        return parts.contains { $0.utf8.elementsEqual(text.utf8) }
            || parts.joined(separator: ", ").utf8.elementsEqual(text.utf8)
    }
}
