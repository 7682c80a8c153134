import Foundation
import TestSupport
import Testing

/// A service with a page, and a browser that uses it.
enum Desk {
    /// Everything on: rules, learning, a queue.
    static let configuration = """
        review: {}
        learning: {enabled: true, maturity: 1h, warm_up: {frauds: 5, examples: 100}}
        rules:
          - {name: large, when: amount > 500.0, risk: 0.7, reason: 'a large amount: %{amount}'}
          - {name: night, when: amount > 300.0, decide: review, shadow: true}
        """

    /// Starts a service at `$at` in the script's folder, with `$OPTIONS`, and ends it with the script.
    static let start = """
        at=http://127.0.0.1:$port
        trap 'kill -KILL $run $browser 2>/dev/null || true' EXIT
        serve() { $ASSAY serve -c desk.yaml --listen 127.0.0.1:$port -q --checkpoint-interval 200ms $OPTIONS \\
            2>> notes & run=$!
            for round in $(seq 900); do
                [ "$(curl -s -o /dev/null -w '%{http_code}' $at/readyz)" = 200 ] && break; sleep 0.05; done; }
        send() { curl -s -H 'Content-Type: application/x-ndjson' --data-binary @- $at/v1/assessments > answers; }
        use() { AXE='\(Repository.root.path)/.build/services/axe-*.js' timeout 240 /usr/bin/python3 \\
            \(Repository.root.path)/Tests/DeskTests/browser.py $1 $at "${@:2}"; }

        """

    static func run(
        _ script: String, configuration: String = configuration
    ) throws -> Binary.Result {
        let folder = try TemporaryFolder()
        _ = try folder.write("desk.yaml", configuration)
        return try Binary.shell("port=\(FreePort.number())\n" + start + script, in: folder)
    }
}
