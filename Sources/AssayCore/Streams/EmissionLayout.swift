import CEL

/// The slots of the values that the expressions of an emission see.
package struct EmissionLayout: Sendable {
    /// A column that needs no declaration.
    package struct Automatic: Sendable {
        package let name: String
        package let type: CEL.`Type`
        let slot: Int

        package init(name: String, type: CEL.`Type`, slot: Int) {
            self.name = name
            self.type = type
            self.slot = slot
        }
    }

    let slotCount: Int
    let aggregates: [Int]
    let emitted: [Int]
    let automatic: [Automatic]

    package init(slotCount: Int, aggregates: [Int], emitted: [Int], automatic: [Automatic]) {
        self.slotCount = slotCount
        self.aggregates = aggregates
        self.emitted = emitted
        self.automatic = automatic
    }

    /// After the window's start and end.
    package static let firstKeySlot = 2
}
