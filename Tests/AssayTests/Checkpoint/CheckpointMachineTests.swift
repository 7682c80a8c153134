import StateStore
import Testing

@testable import Assay
@testable import AssayCore

@Suite struct CheckpointMachineTests {
    private typealias Event = CheckpointMachine.Event
    private typealias Action = CheckpointMachine.Action

    private static func run(_ events: [Event]) -> [Action] {
        var machine = CheckpointMachine()
        return events.flatMap { machine.handle($0) }
    }

    @Test("Nothing is committed before states and output are there, whichever comes first")
    func order() {
        let expected: [Action] = [.cut(.interval), .commit]
        #expect(Self.run([.requested(.interval)]) == [.cut(.interval)])
        #expect(Self.run([.requested(.interval), .statesCollected]) == [.cut(.interval)])
        #expect(Self.run([.requested(.interval), .outputDrained]) == [.cut(.interval)])
        #expect(Self.run([.requested(.interval), .statesCollected, .outputDrained]) == expected)
        #expect(Self.run([.requested(.interval), .outputDrained, .statesCollected]) == expected)
    }

    @Test("At most one is under way; what was asked for meanwhile follows once")
    func oneAtATime() {
        let actions = Self.run([
            .requested(.interval), .requested(.signal), .statesCollected, .requested(.interval), .outputDrained,
            .requested(.signal), .committed, .statesCollected, .outputDrained, .committed,
        ])
        #expect(actions == [.cut(.interval), .commit, .cut(.signal), .commit])
    }

    @Test("The last checkpoint comes last and ends it")
    func ending() {
        let actions = Self.run([
            .requested(.interval), .requested(.end), .requested(.signal), .statesCollected, .outputDrained, .committed,
            .statesCollected, .outputDrained, .committed, .requested(.interval),
        ])
        #expect(actions == [.cut(.interval), .commit, .cut(.end), .commit, .finish])
    }

    @Test("A failed commit is tried again as it is, and three in a row end the run")
    func failures() {
        let begin: [Event] = [.requested(.interval), .statesCollected, .outputDrained]
        #expect(
            Self.run(begin + [.failed, .requested(.interval), .committed])
                == [.cut(.interval), .commit, .waitForRetry, .commit])
        #expect(
            Self.run(begin + [.failed, .requested(.signal), .failed, .requested(.interval), .failed])
                == [.cut(.interval), .commit, .waitForRetry, .commit, .waitForRetry, .commit, .giveUp])
        // A success in between makes them count from the start.
        let twice: [Event] = [.failed, .requested(.interval), .failed, .requested(.interval), .committed]
        let actions = Self.run(begin + twice + begin + twice)
        #expect(!actions.contains(.giveUp))
    }

    @Test("An end that comes while a commit fails is still an end")
    func endingAfterFailure() {
        let actions = Self.run([
            .requested(.interval), .statesCollected, .outputDrained, .failed, .requested(.end), .committed,
            .statesCollected, .outputDrained, .committed,
        ])
        #expect(actions == [.cut(.interval), .commit, .waitForRetry, .commit, .cut(.end), .commit, .finish])
    }
}
