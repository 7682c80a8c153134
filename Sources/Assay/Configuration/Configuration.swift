import AssayCore
import CivilTime

/// The content of a configuration file.
package struct Configuration: Sendable {
    package var scoring = ScoringSettings()
    /// The input's names of fields, and our fields.
    package var fieldNames: [String: String] = [:]
    package var amountSign = AmountSign.reject
    package var lists: [ListDefinition] = []
    /// The file says nothing at all.
    package private(set) var isBlank = false
    package var rules: [RuleDefinition] = []
    /// Patterns over a user's transactions.
    package var patterns: [RuleDefinition] = []
    /// Where transactions come from, unless the command line names inputs, and where assessments go.
    package var inputs: [NamedInput] = []
    package var outputs: [OutputEntry] = []
    /// Where rejected lines go.
    package var rejects: [NamedOutput] = []
    /// Who is told of what.
    package var alerts = AlertSettings()
    /// Which results people judge; nil where none are.
    package var review: ReviewSettings?
    /// The position of each setting in the file, by its path.
    var positions: [String: TextPosition] = [:]

    package init() {}

    /// The values derived from the settings, ready for use.
    package struct Resolved: Sendable {
        package let scoring: ScoringSettings
        package let zone: TimeZoneRules
        package let fields: TransactionFields
        package var rules: RuleSet?
    }

    /// Reads a file. What it does not name keeps its default. Inputs and outputs are only read if their kinds are
    /// given.
    package static func load(
        _ path: String, _ kinds: ConnectorKinds? = nil
    ) throws(ConfigurationError) -> Configuration {
        let bytes: [UInt8]
        do throws(FileError) {
            bytes = try readFile(path, atMost: largestFile)
        } catch {
            throw ConfigurationError(path: path, position: nil, message: error.description)
        }
        var configuration = try parse(bytes, path: path, kinds)
        configuration.isBlank = !bytes.split(separator: UInt8(ascii: "\n")).contains { line in
            let first = line.first { $0 > UInt8(ascii: " ") }
            return first != nil && first != UInt8(ascii: "#") && !line.starts(with: "---".utf8)
        }
        try configuration.fixLists(path: path)
        return configuration
    }

    private static let largestFile = 1 << 20
    static let longestFieldName = 128

    /// Returns the settings that a checkpoint recorded.
    package static func recorded(_ text: String) throws(ConfigurationError) -> Configuration {
        try parse(Array(text.utf8), path: "the checkpoint's configuration")
    }

    static func parse(
        _ bytes: [UInt8], path: String, _ kinds: ConnectorKinds? = nil
    ) throws(ConfigurationError) -> Configuration {
        var reading = SettingsReading(path: path, kinds)
        guard let node = try YAMLReader.read(bytes, path: path) else { return Configuration() }
        try reading.read(node)
        return reading.configuration
    }

    /// Reads what the settings refer to, and compiles the rules.
    package func resolve(path: String) throws(ConfigurationError) -> Resolved {
        var resolved = try resolveWithoutRules(path: path)
        resolved.rules = try compileRules(path: path)
        return resolved
    }

    /// The same for readers of states, which score nothing.
    package func resolveWithoutRules(path: String) throws(ConfigurationError) -> Resolved {
        guard let fields = TransactionFields(mapping: fieldNames, amountSign: amountSign) else {
            preconditionFailure("field names are checked when they are read")
        }
        do throws(ZoneError) {
            return Resolved(scoring: scoring, zone: try ZoneFile.load(scoring.timezone), fields: fields)
        } catch {
            throw ConfigurationError(path: path, position: positions["timezone"], message: error.description)
        }
    }
}
