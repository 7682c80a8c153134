import AssayCore

/// An input of a run with its name in checkpoints.
package struct NamedInput: Sendable {
    package let name: String
    /// The input that it is a part of; its own name where it is the whole.
    let whole: String
    package let definition: any SourceDefinition

    package init(name: String, _ definition: any SourceDefinition) {
        (self.name, whole, self.definition) = (name, name, definition)
    }

    /// A part of an input.
    init(_ part: SourcePart, of whole: String) {
        (name, self.whole, definition) = ("\(whole)/\(part.name)", whole, part.definition)
    }

    /// The name of the input of a run with only one.
    package static let onlyName = "transactions"
}

/// One numbered sink of a run: where rows go, and whose.
package struct NamedOutput: Sendable {
    /// The stream whose rows it takes, or the first of them.
    let stream: String
    let definition: any OutputDefinition
    let columns: [StreamColumn]?

    package init(stream: String, _ definition: any OutputDefinition, columns: [StreamColumn]?) {
        self.stream = stream
        self.definition = definition
        self.columns = columns
    }

    /// The name under which files have outputs for rejected lines.
    package static let rejects = "rejects"

    package var form: RowForm { definition.form }

    /// The title if something was connected to; nil where there is nothing to connect to.
    package func probe(seconds: Double) throws(RunFailure) -> String? {
        try definition.probe(columns, of: stream, seconds: seconds) ? definition.title : nil
    }

    /// Whether it is standard output.
    package var isStandardOutput: Bool { definition.claim(in: "") == nil }

    /// Its name in checkpoints.
    var name: String { definition.name(of: stream) }
}
