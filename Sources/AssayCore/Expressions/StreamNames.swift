import Arguments
import CEL
import CivilTime

/// Collects the input's fields that expressions use, if they were not declared.
package final class FieldCollector {
    package private(set) var columns: [EventSchema.Column]
    /// Undeclared names, with the expressions that use them.
    private(set) var undeclared: [(name: String, uses: [SourceText])] = []
    package let isOpen: Bool

    /// `declared`: nil when any may come. `known`: fields that have their numbers already.
    package init(declared: [EventSchema.Column]?, known: [EventSchema.Column] = []) {
        columns = declared ?? known
        isOpen = declared == nil
    }

    /// The number of the field.
    package func column(_ name: String) -> Int {
        if let known = columns.firstIndex(where: { $0.name == name }) { return known }
        columns.append(EventSchema.Column(name: name, type: .dyn))
        return columns.count - 1
    }

    package func note(_ expression: SourceText, reads: Set<String>, known: Set<String>) {
        guard isOpen else { return }
        for name in reads.sorted() where !known.contains(name) {
            if let index = undeclared.firstIndex(where: { $0.name == name }) {
                undeclared[index].uses.append(expression)
            } else {
                undeclared.append((name, [expression]))
            }
        }
    }

    /// Without declared fields, a name that is used once and resembles another one is taken for a typo.
    package func suspect(among derived: [String], time: String) -> (name: String, meant: String, use: SourceText)? {
        for (name, uses) in undeclared where uses.count == 1 {
            let others = undeclared.filter { $0.uses.count > 1 }.map(\.name) + derived + [time]
            let near = others.filter { $0 != name && Self.isSlip(name, of: $0) }
            if let meant = NearestName.of(name, among: near) { return (name, meant, uses[0]) }
        }
        return nil
    }

    /// Whether letters are swapped, missing, doubled or wrong; a number or an ending is not a typo.
    private static func isSlip(_ name: String, of other: String) -> Bool {
        let (shorter, longer) = name.utf8.count < other.utf8.count ? (name, other) : (other, name)
        guard shorter.utf8.count >= 5, !longer.hasPrefix(shorter) else { return false }
        let digits: (String) -> String = { $0.filter(\.isNumber) }
        guard digits(name) == digits(other) else { return false }
        return NearestName.distance(name, other) <= (shorter.utf8.count >= 8 ? 2 : 1)
    }
}

/// The names that the expressions of a stream can use, and their slots.
package struct StreamEnvironment {
    package var environment = Environment()
    package private(set) var known: Set<String> = []

    package mutating func declare(_ name: String, _ type: CEL.`Type`, slot: Int) {
        environment.declare(name, type, slot: slot)
        known.insert(name)
    }

    mutating func define(_ name: String, _ value: Value) {
        environment.define(name, value)
        known.insert(name)
    }

    /// The names of rows with some columns.
    package init(columns: [StreamColumn], base: StreamEnvironment) {
        environment = base.environment
        declareMoment()
        for (slot, column) in columns.enumerated() { declare(column.name, column.type, slot: slot) }
    }

    /// The names of another environment.
    init(_ environment: Environment) {
        self.environment = environment
        known = Set(environment.variables.keys).union(environment.constants.keys)
    }

    /// The names that every expression can use.
    package init(lists: [(name: String, entries: [String])]) {
        let zones = ZoneCache()
        environment.zones = { zones.zone($0) }
        for list in lists {
            define("lists.\(list.name)", .list(list.entries.map { .string($0) }))
        }
    }

    /// Declares the names of the input's events.
    package mutating func declareEvent(_ fields: FieldCollector, _ derived: [(name: String, type: CEL.`Type`)]) {
        declareMoment()
        for (slot, column) in fields.columns.enumerated() { declare(column.name, column.type.type, slot: slot) }
        for (index, field) in derived.enumerated() {
            declare(field.name, field.type, slot: EventRow.firstDerivedSlot + index)
        }
        guard fields.isOpen else { return }
        environment.discover = { name in Environment.Variable(slot: fields.column(name), type: .dyn) }
    }

    package mutating func declareMoment() {
        declare("event_time", .timestamp, slot: Row.timeSlot)
        declare("event", .map(.string, .dyn), slot: Row.wholeSlot)
    }
}
