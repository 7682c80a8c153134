import AssayCore
import CivilTime
import StateStore

/// A kind of output that files can name.
package protocol OutputKind: Sendable {
    /// The syntax in a file: `{jsonl: FILE}`.
    var form: String { get }

    /// The member that an output of this kind has with a map of its settings: a member of that name at the top of the
    /// file has what they share. Nil for kinds without.
    var key: String? { get }

    /// Reads an output of this kind; nil when the node is of another kind. A map is read completely.
    func read(_ node: YAMLNode, _ name: String, path: String) throws(ConfigurationError) -> (any OutputDefinition)?
}

extension OutputKind {
    package var key: String? { nil }
}

/// An output as named in a file or on a command line.
package protocol OutputDefinition: Sendable {
    /// The form of its rows.
    var form: RowForm { get }

    /// A title for people: `file high.jsonl`.
    var title: String { get }

    /// Its name in checkpoints. Outputs of one name share a sink.
    func name(of stream: String) -> String

    /// What the output claims for itself. `folder` is prepended to names that are not absolute.
    func claim(in folder: String) -> OutputClaim?

    /// Checks that a stream's rows fit. `columns` are nil where rows may have any.
    func check(
        _ columns: [StreamColumn]?, of stream: String, _ fault: (String, TextPosition?) -> ConfigurationError
    ) throws(ConfigurationError)

    /// Decides what a run does with it, and changes nothing.
    func plan(_ situation: OutputSituation) throws(RunFailure) -> any PlannedOutput

    /// Tries whether it could be written: connects and looks, for so many seconds at most, and changes nothing. False
    /// where there is nothing to connect to.
    func probe(_ columns: [StreamColumn]?, of stream: String, seconds: Double) throws(RunFailure) -> Bool
}

extension OutputDefinition {
    package func probe(_ columns: [StreamColumn]?, of stream: String, seconds: Double) throws(RunFailure) -> Bool {
        false
    }
}

/// What an output claims for itself.
package enum OutputClaim: Equatable, Sendable {
    case file(String)
    /// Everything in the folder.
    case folder(String)
    /// One table; others in the database are free.
    case table(String, database: String)
    /// A topic, or one partition of it.
    case topic(String)
    /// A part of the run's own state, which nobody else can claim.
    case ownState
}

/// The facts that an output's plan is made from.
package struct OutputSituation {
    /// Its name in checkpoints.
    package let name: String
    /// The stream whose rows it takes.
    package let stream: String
    package let columns: [StreamColumn]?
    /// What the last checkpoint records of it, even one that is to be discarded.
    package let recorded: CheckpointRecord.Output?
    /// The number of that checkpoint.
    package let checkpoint: Int64
    package let finding: InputFinding
    package let mayOverwrite: Bool
    /// The checkpoint is discarded, but its outputs belong to the run.
    package let isFresh: Bool
    /// It may be asked for later than the rest, and begins then.
    package var isOptional = false
    /// Whether there are checkpoints.
    package let isSaved: Bool
    /// The folder of the state, if one is kept.
    package var stateFolder: String?
    /// Prepended to names that are not absolute.
    package let folder: String
    package let zone: TimeZoneRules
    /// Becomes readable when waiting for a server has to end; -1 for never.
    package var interruption: Int32 = -1

    package func path(_ name: String) -> String { Self.path(name, in: folder) }

    package static func path(_ name: String, in folder: String) -> String {
        name.hasPrefix("/") || folder.isEmpty ? name : "\(folder)/\(name)"
    }
}

/// What a run does with an output.
package protocol PlannedOutput {
    /// Whether what is written there can't be taken back.
    var isStream: Bool { get }
    /// A notice for people.
    var notice: String? { get }
    /// Rows of an earlier run reached nobody, and are written again.
    var hasUnread: Bool { get }

    /// `shared` holds by name what several outputs of a run use together.
    func open(_ shared: inout [String: any AnyObject & Sendable]) throws(RunFailure) -> any RowSink
}

extension PlannedOutput {
    package var hasUnread: Bool { false }
}

/// The kinds of inputs and outputs that a program knows.
package struct ConnectorKinds: Sendable {
    package let sources: [any SourceKind]
    package let outputs: [any OutputKind]
    /// How people are told.
    package let channels: [any ChannelKind]
    /// Where rows go without an output in the file.
    package let standardOutput: any OutputDefinition

    /// Members at the top of a file with what inputs and outputs of a kind share.
    package var keys: [String] {
        let keys = sources.compactMap(\.key) + outputs.compactMap(\.key)
        return keys.enumerated().filter { keys.firstIndex(of: $0.element) == $0.offset }.map(\.element)
    }

    package init(
        sources: [any SourceKind], outputs: [any OutputKind], channels: [any ChannelKind] = [],
        standardOutput: any OutputDefinition
    ) {
        self.sources = sources
        self.outputs = outputs
        self.channels = channels
        self.standardOutput = standardOutput
    }
}
