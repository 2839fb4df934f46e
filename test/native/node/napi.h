// In place of node-addon-api's header, whose inline functions would have to be linked: Node's own declarations.
#pragma once

#include <node_api.h>
