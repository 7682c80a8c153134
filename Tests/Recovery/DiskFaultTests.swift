import Foundation
import TestSupport
import Testing

/// Every call that changes a file goes wrong once, each in its own run: the state's, the output's and the rejects'.
@Suite(.serialized, .enabled(if: !Scenario.isSanitized)) struct DiskFaultTests {
    private static let options = ["--checkpoint-every", "400", "--checkpoint-interval", "100ms"]

    private static func run(_ scenario: Scenario, _ environment: [String: String]) throws -> Int32 {
        let process = try Binary.start(
            scenario.arguments, in: scenario.folder,
            environment: environment.merging([
                "LD_PRELOAD": Scenario.shim, "FAULTY_ROOT": scenario.folder.url.resolvingSymlinksInPath().path,
            ]) { $1 })
        return Binary.wait(process)
    }

    @Test(
        "Whichever call fails, is torn or is the last, the next run ends with the same output",
        arguments: ["eio", "enospc", "torn", "kill", "torn_kill"])
    func everyCall(_ kind: String) throws {
        let scenario = try Scenario(transactions: 1500, users: 60, options: Self.options)
        var tried = 0
        var stopped = 0
        let calls = try Self.callCount(scenario)
        while true {
            try scenario.clean()
            let code = try Self.run(scenario, ["FAULTY_AT": "\(tried + 1)", "FAULTY_KIND": kind])
            let isKill = kind.hasSuffix("kill")
            #expect([0, 73, 74, -9].contains(code), "call \(tried + 1) \(kind): \(code) \(scenario.errors)")
            if code != 0 {
                stopped += 1
                #expect(isKill == (code == -9) && (isKill || scenario.errors.contains("error:")))
            }
            let again = try scenario.finish()
            #expect(again == 0, "call \(tried + 1) \(kind): \(again) \(scenario.errors)")
            if let difference = scenario.difference {
                Issue.record("call \(tried + 1) \(kind): \(difference) \(scenario.errors)")
            }
            tried += 1
            // Once the number is beyond what a run makes, everything was tried.
            if tried > calls { break }
        }
        print("\(kind): \(tried) calls, \(stopped) of them ended the run, 0 differences")
        #expect(tried > 60 && stopped > 20)
    }

    /// How many calls an undisturbed run makes, and some more: it depends a little on how its threads fall in step.
    private static func callCount(_ scenario: Scenario) throws -> Int {
        try scenario.clean()
        let folder = try TemporaryFolder()
        _ = try run(scenario, ["FAULTY_TRACE": folder.path("trace")])
        return try DiskTrace(path: folder.path("trace")).calls.count + 10
    }

    @Test(
        "After a power cut at any call, whatever of the unsynced bytes is lost, the next run ends with the same output")
    func powerCuts() throws {
        let scenario = try Scenario(transactions: 1500, users: 60, options: Self.options)
        let tracePath = try TemporaryFolder()
        let code = try Self.run(scenario, ["FAULTY_TRACE": tracePath.path("trace")])
        try #require(code == 0, "\(scenario.errors)")
        let trace = try DiskTrace(path: tracePath.path("trace"))
        var random = Random(state: Scenario.seed)
        var cuts = 0
        for call in 0...trace.calls.count {
            for loss in DiskTrace.Loss.allCases {
                for _ in 0..<(loss == .anySubset ? Scenario.rounds : 1) {
                    try scenario.clean()
                    try trace.materialize(
                        upTo: call, losing: loss, &random, in: scenario.folder.url.resolvingSymlinksInPath())
                    let again = try scenario.finish()
                    #expect(again == 0, "cut before call \(call), \(loss): \(again) \(scenario.errors)")
                    if let difference = scenario.difference {
                        Issue.record("cut before call \(call), \(loss): \(difference) \(scenario.errors)")
                    }
                    cuts += 1
                }
            }
        }
        print("power cuts: \(cuts) at \(trace.calls.count) calls, 0 differences")
        #expect(cuts > 200)
    }
}
