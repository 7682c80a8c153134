import Arguments
import AssayCore

/// Orders streams so that each comes after the streams that it reads.
struct StreamOrder {
    private let pipeline: PipelineDefinition
    private let names: [String]

    init(_ pipeline: PipelineDefinition, names: [String]) {
        self.pipeline = pipeline
        self.names = names
    }

    /// As close to the file's order as possible.
    func ordered() throws(ConfigurationError) -> [PipelineDefinition.Stream] {
        var ordered: [PipelineDefinition.Stream] = []
        var waiting = pipeline.streams
        var known: Set<String> = ["input"]
        for stream in waiting { try checkSource(of: stream) }
        while !waiting.isEmpty {
            guard let index = waiting.firstIndex(where: { $0.from.allSatisfy { known.contains($0.text) } }) else {
                let stream = waiting[0]
                throw ConfigurationError(
                    path: pipeline.path, position: stream.from.first?.position,
                    message: "stream '\(stream.name)' reads its own rows, directly or through other streams")
            }
            let stream = waiting.remove(at: index)
            known.insert(stream.name)
            known.formUnion(stream.sideStreams.map(\.text))
            ordered.append(stream)
        }
        return ordered
    }

    private func checkSource(of stream: PipelineDefinition.Stream) throws(ConfigurationError) {
        for from in stream.from where from.text != "input" && !names.contains(from.text) {
            let near = NearestName.of(from.text, among: names + ["input"]).map { "; did you mean '\($0)'?" } ?? ""
            throw ConfigurationError(
                path: pipeline.path, position: from.position,
                message: "stream '\(stream.name)' reads '\(from.text)', and there is no such stream\(near)")
        }
    }
}
