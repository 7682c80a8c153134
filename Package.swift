// swift-tools-version: 6.2
import PackageDescription

let package = Package(
    name: "assay",
    products: [
        .executable(name: "assay", targets: ["assay"]),
        .executable(name: "assayctl", targets: ["assayctl"]),
        .library(name: "AssayCore", targets: ["AssayCore"]),
        // The core for engines that are not written in Swift; tools/flink links it into one library.
        .library(name: "AssayC", type: .static, targets: ["AssayC"]),
        // Stands between the binary and its disk in tests.
        .library(name: "FaultyDisk", type: .dynamic, targets: ["FaultyDisk"]),
    ],
    traits: [
        .trait(name: "Kafka", description: "Inputs and outputs that are topics of Kafka."),
        .trait(name: "PostgreSQL", description: "Outputs into tables of PostgreSQL."),
        .trait(name: "Service", description: "Answers over HTTP: metrics, and scores."),
        .trait(
            name: "Notifiers", description: "Alerts over the network: Slack, PagerDuty, mail, webhooks, Alertmanager."),
        .default(enabledTraits: ["Kafka", "PostgreSQL", "Service", "Notifiers"]),
    ],
    targets: [
        .target(name: "CBytes"),
        .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .target(name: "Compression", dependencies: ["CZlib", "CZstd"]),
        .target(name: "Arguments", dependencies: ["CBytes"]),
        .target(name: "CivilTime"),
        .target(name: "CRE2", linkerSettings: [.linkedLibrary("re2")]),
        .target(name: "CEL", dependencies: ["CBytes", "CRE2", "CivilTime"]),
        // Scoring, windows and patterns without any file, thread or clock: what another engine can carry.
        .target(
            name: "AssayCore", dependencies: ["Arguments", "CBytes", "CEL", "CivilTime"],
            // A process function's state may be something that exists once.
            swiftSettings: [.enableExperimentalFeature("SuppressedAssociatedTypes")]),
        .target(name: "StateStore", dependencies: ["AssayCore", "CBytes", "CSQLite"]),
        .target(
            name: "Assay",
            dependencies: [
                "Arguments", "AssayCore", "CBytes", "CEL", "CYAML", "CivilTime", "Compression", "StateStore",
            ],
            swiftSettings: [.enableExperimentalFeature("SuppressedAssociatedTypes")]),
        // Finds the functions of a library that is loaded when it is asked for.
        .target(name: "CLoading"),
        .target(name: "CKafka", dependencies: ["CLoading"]),
        .target(
            name: "Kafka",
            dependencies: ["Arguments", "Assay", "AssayCore", "CEL", "CKafka", "CivilTime", "StateStore"]),
        .target(name: "CPostgreSQL", dependencies: ["CLoading"]),
        .target(
            name: "PostgreSQL", dependencies: ["Arguments", "Assay", "AssayCore", "CEL", "CPostgreSQL", "StateStore"]),
        .target(name: "CMicrohttpd", dependencies: ["CLoading"]),
        // The files of the service's page, in the binary.
        .target(name: "CPage"),
        .target(
            name: "Service",
            dependencies: ["Assay", "AssayCore", "CMicrohttpd", "CPage", "CivilTime", "StateStore"],
            exclude: ["Page"]),
        .target(name: "CCurl", dependencies: ["CLoading"]),
        .target(name: "Notifiers", dependencies: ["Assay", "AssayCore", "CCurl", "CivilTime", "StateStore"]),
        .target(name: "CAssay"),
        .target(name: "AssayC", dependencies: ["Assay", "AssayCore", "CAssay"]),
        .executableTarget(
            name: "assay",
            dependencies: [
                "Arguments", "Assay", "AssayCore", "CEL", "CivilTime", "Compression",
                .target(name: "Kafka", condition: .when(traits: ["Kafka"])),
                .target(name: "PostgreSQL", condition: .when(traits: ["PostgreSQL"])),
                .target(name: "Service", condition: .when(traits: ["Service"])),
                .target(name: "Notifiers", condition: .when(traits: ["Notifiers"])),
            ]),
        .executableTarget(
            name: "assayctl", dependencies: ["Arguments", "Assay", "AssayCore", "CivilTime", "StateStore"],
            path: "tools/assayctl"),
        .testTarget(
            name: "AssayTests", dependencies: ["Assay", "AssayCore", "CEL", "CivilTime", "StateStore", "TestSupport"],
            swiftSettings: [.enableExperimentalFeature("SuppressedAssociatedTypes")]),
        .testTarget(name: "ArgumentsTests", dependencies: ["Arguments"]),
        .testTarget(name: "CELTests", dependencies: ["CEL", "CivilTime", "TestSupport"], exclude: ["Cases"]),
        .testTarget(name: "CivilTimeTests", dependencies: ["CivilTime"]),
        .target(name: "TestSupport", path: "Tests/TestSupport"),
        .target(name: "FaultyDisk", path: "Tests/FaultyDisk"),
        .testTarget(name: "StateStoreTests", dependencies: ["AssayCore", "StateStore", "TestSupport"]),
        .testTarget(
            name: "CommandTests", dependencies: ["assay", "assayctl", "TestSupport"], exclude: ["check-backtest.py"]),
        .testTarget(name: "Recovery", dependencies: ["assay", "assayctl", "TestSupport", "CSQLite"]),
        // Brokers in memory, and topics of others, for tests.
        .executableTarget(
            name: "BrokerTool", path: "Tests/BrokerTool", linkerSettings: [.linkedLibrary("rdkafka")]),
        .testTarget(
            name: "KafkaTests",
            dependencies: [
                "assay", "assayctl", "AssayCore", "BrokerTool", "TestSupport",
                .target(name: "Kafka", condition: .when(traits: ["Kafka"])),
            ]),
        .testTarget(
            name: "PostgreSQLTests",
            dependencies: [
                "assay", "AssayCore", "CEL", "TestSupport",
                .target(name: "PostgreSQL", condition: .when(traits: ["PostgreSQL"])),
            ], exclude: ["cutting-proxy.py"]),
        .testTarget(
            name: "ServiceTests",
            dependencies: [
                "assay", "assayctl", "TestSupport", .target(name: "Service", condition: .when(traits: ["Service"])),
            ], exclude: ["retrying-clients.py", "slow-clients.py", "supervisor.py"]),
        .testTarget(
            name: "NotifierTests",
            dependencies: [
                "assay", "assayctl", "Assay", "AssayCore", "StateStore", "TestSupport",
                .target(name: "Notifiers", condition: .when(traits: ["Notifiers"])),
            ], exclude: ["receivers.py"]),
        .testTarget(
            name: "DeskTests", dependencies: ["assay", "assayctl", "TestSupport"],
            exclude: ["browser.py", "judging-clients.py"]),
        // A host of the core that is written in C.
        .executableTarget(name: "CoreTool", dependencies: ["AssayC", "CAssay"], path: "Tests/CoreTool"),
        .testTarget(
            name: "FlinkTests", dependencies: ["assay", "AssayC", "TestSupport"], exclude: ["KeyGroupCheck.java"]),
        .testTarget(name: "AssayCTests", dependencies: ["assay", "CoreTool", "TestSupport"]),
        .testTarget(name: "Tidy"),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17
)
