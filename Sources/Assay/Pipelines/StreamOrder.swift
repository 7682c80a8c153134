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

    func ordered() throws(ConfigurationError) -> [PipelineDefinition.Stream] {
        for stream in pipeline.streams { try checkSource(of: stream) }
        let links = pipeline.streams.map { stream in
            Link(name: stream.name, from: stream.from.map(\.text), sides: stream.sideStreams.map(\.text))
        }
        var stuck = 0
        if let places = Self.places(links, stuck: &stuck) { return places.map { pipeline.streams[$0] } }
        let stream = pipeline.streams[stuck]
        throw ConfigurationError(
            path: pipeline.path, position: stream.from.first?.position,
            message: "stream '\(stream.name)' reads its own rows, directly or through other streams")
    }

    /// A stream, what it reads, and what else it makes.
    struct Link {
        let name: String
        let from: [String]
        var sides: [String]
    }

    /// As close to the given order as possible; nil when there is none.
    static func places(_ links: [Link]) -> [Int]? {
        var stuck = 0
        return places(links, stuck: &stuck)
    }

    /// `stuck`: a stream that comes nowhere.
    private static func places(_ links: [Link], stuck: inout Int) -> [Int]? {
        var ordered: [Int] = []
        var waiting = Array(links.indices)
        var known: Set<String> = ["input"]
        while !waiting.isEmpty {
            guard let index = waiting.firstIndex(where: { links[$0].from.allSatisfy(known.contains) }) else {
                stuck = waiting[0]
                return nil
            }
            let place = waiting.remove(at: index)
            known.insert(links[place].name)
            known.formUnion(links[place].sides)
            ordered.append(place)
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
