import AssayCore
import CivilTime
import StateStore

/// A kind of output that files can name.
package protocol OutputKind: Sendable {
    /// How a file names one: `{jsonl: FILE}`.
    var form: String { get }

    /// Reads an output of this kind; nil when the node is of another. A map is read to its end.
    func read(_ node: YAMLNode, _ name: String, path: String) throws(ConfigurationError) -> (any OutputDefinition)?
}

/// An output as a file or command line names it.
package protocol OutputDefinition: Sendable {
    /// What its rows look like on the way to it.
    var form: RowForm { get }

    /// For people: `file high.jsonl`.
    var title: String { get }

    /// Under which checkpoints know it. Outputs of one name share a sink.
    func name(of stream: String) -> String

    /// What nothing else in the run can be. `folder` is in front of names that are not absolute.
    func claim(in folder: String) -> OutputClaim?

    /// Whether a stream's rows fit. `columns` are nil where rows may have any.
    func check(
        _ columns: [StreamColumn]?, of stream: String, _ fault: (String, TextPosition?) -> ConfigurationError
    ) throws(ConfigurationError)

    /// Decides what a run does with it, and touches nothing.
    func plan(_ situation: OutputSituation) throws(RunFailure) -> any PlannedOutput
}

/// What an output takes for itself.
package enum OutputClaim: Equatable, Sendable {
    case file(String)
    /// Everything in the folder.
    case folder(String)
    /// Other tables of the database are free.
    case table(String, database: String)
}

/// What an output's plan is made from.
package struct OutputSituation {
    /// Under which checkpoints know it.
    package let name: String
    package let columns: [StreamColumn]?
    /// What the last checkpoint says of it, also one that is to be forgotten.
    package let recorded: CheckpointRecord.Output?
    /// The number of that checkpoint.
    package let checkpoint: Int64
    package let finding: InputFinding
    package let mayOverwrite: Bool
    /// The checkpoint does not count any more, but its outputs are the run's own.
    package let isFresh: Bool
    /// Checkpoints are taken.
    package let isSaved: Bool
    /// In front of names that are not absolute.
    package let folder: String
    package let zone: TimeZoneRules

    package func path(_ name: String) -> String { Self.path(name, in: folder) }

    package static func path(_ name: String, in folder: String) -> String {
        name.hasPrefix("/") || folder.isEmpty ? name : "\(folder)/\(name)"
    }
}

/// What a run does with an output.
package protocol PlannedOutput {
    /// What is written there can't be taken back.
    var isStream: Bool { get }
    /// Something for people to know.
    var notice: String? { get }

    /// `shared` holds what several outputs of a run use together, by name.
    func open(_ shared: inout [String: any AnyObject & Sendable]) throws(RunFailure) -> any RowSink
}

/// The kinds of inputs and outputs that a program knows.
package struct ConnectorKinds: Sendable {
    package let sources: [any SourceKind]
    package let outputs: [any OutputKind]
    /// Where rows go that a file says nothing of.
    package let standardOutput: any OutputDefinition

    package init(
        sources: [any SourceKind], outputs: [any OutputKind], standardOutput: any OutputDefinition
    ) {
        self.sources = sources
        self.outputs = outputs
        self.standardOutput = standardOutput
    }
}
