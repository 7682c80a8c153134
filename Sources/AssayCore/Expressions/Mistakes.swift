/// The mistakes of a file, for readers that go on after one so that all are told at once.
package struct Mistakes {
    private var found: [ConfigurationError] = []

    package init() {}

    package var isEmpty: Bool { found.isEmpty }

    /// Nil after a mistake, which is kept.
    package mutating func attempt<Result>(_ body: () throws(ConfigurationError) -> Result) -> Result? {
        do throws(ConfigurationError) {
            return try body()
        } catch {
            note(error)
            return nil
        }
    }

    /// Keeps a mistake, with those that it brings along.
    package mutating func note(_ error: ConfigurationError) {
        // A pattern that several streams name is told once.
        for mistake in error.all where !found.contains(mistake) { found.append(mistake) }
    }

    /// Throws all of them as one, in the order of the file, if there are any.
    package func throwAll() throws(ConfigurationError) {
        let sorted = found.enumerated().sorted { one, other in
            let (left, right) = (one.element.position, other.element.position)
            let (lineLeft, lineRight) = (left?.line ?? .max, right?.line ?? .max)
            if lineLeft != lineRight { return lineLeft < lineRight }
            let (columnLeft, columnRight) = (left?.column ?? 0, right?.column ?? 0)
            return columnLeft != columnRight ? columnLeft < columnRight : one.offset < other.offset
        }.map(\.element)
        guard var first = sorted.first else { return }
        first.others = Array(sorted.dropFirst())
        throw first
    }
}

extension ConfigurationError {
    /// This mistake and those that were found with it.
    package var all: [ConfigurationError] {
        var alone = self
        alone.others = []
        return [alone] + others
    }
}
